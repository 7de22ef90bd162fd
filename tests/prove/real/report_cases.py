# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reports that are printed: small templates in Odoo's own layouts, and reports of Odoo's own modules."""

from __future__ import annotations

import dataclasses
import typing as t

from .printing import Answer, Person

LAYOUTS = {
    "19": ("standard", "boxed", "bold", "striped", "bubble", "wave", "folder"),
    "14": ("standard", "background", "boxed", "clean"),
}
TEXTS = {
    "arabic": "فاتورة رقم ١٢ — المجموع المستحق",
    "hebrew": "חשבונית מספר 12 — סך הכל לתשלום",
    "chinese": "发票编号十二 — 应付总额",
    "japanese": "請求書 第十二号 — 合計金額",
    "korean": "청구서 제12호 — 총 지불액",
    "hindi": "चालान संख्या १२ — कुल देय राशि",
    "thai": "ใบแจ้งหนี้เลขที่ ๑๒ — ยอดรวมที่ต้องชำระ",
    "cyrillic": "Счёт № 12 — итого к оплате",
    "greek": "Τιμολόγιο αριθ. 12 — συνολικό ποσό",
}
# Rows that give so many pages
LONG = {"2-pages": 40, "10-pages": 300, "60-pages": 1800, "241-pages": 6950}
BARCODE = '<img src="/report/barcode/?{kind}=QR&amp;value=https://example.com/12&amp;width=160&amp;height=160"/>'
ROWS = """
<table class="table table-sm"><thead><tr><th>Product</th><th>Quantity</th><th>Price</th></tr></thead><tbody>
<t t-foreach="range({rows})" t-as="row"><tr><td>Product <span t-esc="row"/> with a long name</td><td>3</td><td>12.50</td></tr></t>
</tbody></table>"""
TEMPLATE = """
<t t-name="prove_report.{key}"><t t-call="web.html_container"><t t-foreach="docs" t-as="o">
<t t-call="web.{layout}"><t t-set="o" t-value="o"/><div class="page">{content}</div></t>
</t></t></t>"""
BATCH = 58


@dataclasses.dataclass(frozen=True)
class Case:
    """One report.

    `content`: of its pages; `documents`: how many records are printed. `layout`: of the company. `paper`: values of
    its paper format. `frame`: the template around it. `own`: a report of Odoo's, with its model.
    """

    key: str
    content: str = ""
    documents: int = 1
    layout: str = "standard"
    paper: tuple[tuple[str, t.Any], ...] = ()
    frame: str = "external_layout"
    own: tuple[str, str] = ("", "")


def cases(version: str) -> list[Case]:
    """The reports of a version, at least 30."""
    page = "<h2>Quotation 12</h2><p>Two chairs for the <strong>garden</strong>.</p>" + ROWS.format(rows=5)
    found = [Case(f"layout-{name}", page, layout=name) for name in LAYOUTS[version]]
    found += [Case(f"letter-{name}", page, layout=name, paper=(("format", "Letter"),)) for name in LAYOUTS[version][:3]]
    found += [
        Case("landscape", page, paper=(("format", "A4"), ("orientation", "Landscape"))),
        Case("a5", page, paper=(("format", "A5"),)),
        Case("header-line", page, paper=(("format", "A4"), ("header_line", True))),
    ]
    found += [Case(name, f"<h2>{text}</h2><p>{text}</p>" + ROWS.format(rows=3)) for name, text in TEXTS.items()]
    found += [Case(name, "<h2>Many</h2>" + ROWS.format(rows=rows)) for name, rows in LONG.items()]
    found += [
        Case("two-documents", page, documents=2),
        Case("batch", '<h2 t-esc="o.id"/>' + ROWS.format(rows="20 + 40 * (o_index % 3)"), documents=BATCH),
        Case("no-heading", ROWS.format(rows="10 + 60 * (o_index % 2)"), documents=3),
        Case("barcode", "<h2>With a code</h2>" + BARCODE.format(kind="barcode_type" if version == "19" else "type")),
        Case("label", "<div>Chair 12.50</div>", frame="basic_layout", paper=(
            ("format", "custom"), ("page_width", 57), ("page_height", 32), ("margin_top", 2), ("margin_bottom", 2), ("margin_left", 2),
            ("margin_right", 2), ("header_spacing", 0), ("dpi", 96), *((("disable_shrinking", True),) if version == "19" else ()))),
    ]  # fmt: skip
    found += [
        Case("own-order", own=("sale.report_saleorder", "sale.order"), documents=2),
        Case("own-purchase", own=("purchase.report_purchasequotation", "purchase.order")),
        Case("own-delivery", own=("stock.report_deliveryslip", "stock.picking")),
        Case("own-locations", own=("stock.report_location_barcode", "stock.location"), documents=3),
        Case("own-invoice", own=("account.report_invoice", "account.move")),
    ]
    return found


class Reports:
    """The reports in one database."""

    def __init__(self, person: Person, version: str) -> None:
        self.person, self.version = person, version
        self.company = person.call("res.users", "read", [2], ["company_id"])[0]["company_id"][0]
        names = [f"Proof {number:02}" for number in range(BATCH)]
        known = person.call("res.partner", "search", [["name", "=like", "Proof __"]], order="name")
        self.partners = known or [
            person.call("res.partner", "create", {"name": name, "company_id": self.company}) for name in names
        ]
        self.layout = ""

    def put(self, case: Case) -> str:
        """Creates the report, once; returns its technical name."""
        person, name = self.person, f"prove_report.{case.key.replace('-', '_')}"
        known = person.call("ir.actions.report", "search", [["report_name", "=", name]])
        if known:
            return name
        arch = TEMPLATE.format(key=name.partition(".")[2], layout=case.frame, content=case.content)
        view = person.call("ir.ui.view", "create", {"name": case.key, "type": "qweb", "key": name, "arch_base": arch})
        person.call("ir.model.data", "create", {
            "module": "prove_report", "name": name.partition(".")[2], "model": "ir.ui.view", "res_id": view, "noupdate": True,
        })  # fmt: skip
        values = {"name": case.key, "model": "res.partner", "report_type": "qweb-pdf", "report_name": name}
        if case.paper:
            room = 52 if self.version == "19" else 40  # what the layouts of the version need
            paper = {"name": case.key, "format": "A4", "orientation": "Portrait", "margin_top": room, "margin_bottom": 25, "margin_left": 7,
                     "margin_right": 7, "header_spacing": room - 5, "dpi": 90, **dict(case.paper)}  # fmt: skip
            values["paperformat_id"] = person.call("report.paperformat", "create", paper)
        person.call("ir.actions.report", "create", values)
        return name

    def use_layout(self, name: str) -> None:
        """Sets the company's layout."""
        if self.layout != name:
            view = self.person.ref(f"web.external_layout_{name}")
            paper = self.person.ref("base.paperformat_euro")
            values = {"external_report_layout_id": view, "paperformat_id": paper}
            self.person.call("res.company", "write", [self.company], values)
            self.layout = name

    def records(self, case: Case) -> list[int]:
        """What is printed."""
        report, model = case.own
        if not report:
            return self.partners[: case.documents]
        domain: list[t.Any] = {
            "account.move": [["move_type", "=", "out_invoice"], ["state", "=", "posted"]],
            "stock.picking": [["picking_type_code", "=", "outgoing"]],
            "stock.location": [["usage", "=", "internal"]],
        }.get(model, [])
        return list(self.person.call(model, "search", domain, order="id", limit=case.documents))

    def prints(self, case: Case) -> Answer:
        """Prints it as a person does, through Odoo."""
        self.use_layout(case.layout)
        return self.person.prints(case.own[0] or self.put(case), self.records(case))
