"""Words of company names that do not tell one company from another: legal forms, joining words, and words of trade.

Written as `company.read_name` leaves them: lower case, no accents, single letters joined (`n.v.` is `nv`).
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _entries(text: str) -> frozenset[str]:
    return frozenset(entry.strip() for entry in text.split("|"))


#: What the law makes a company put behind (or before) its name. Several words are written with spaces.
LEGAL_FORMS: Final = _entries(
    """
ab | ag | aktiebolag | aktiengesellschaft | aktienges | aps | as | asa | a s | besloten vennootschap | bhd | bt | bv | bvba | ca |
co | company | corp | corporation | cv | cvba | doo | dd | dba | eeig | eg | eirl | eood | ev | fa | fka | gbr | ges mbh |
gesellschaft mit beschrankter haftung | gesmbh | ggmbh | gmbh | gmbh and co kg | gmbh co kg | hf | inc | incorporated | jsc |
kabushiki kaisha | kb | kft | kg | kgaa | kk | kommanditgesellschaft | limited | limitada | llc | llp | lp | ltd | ltda | mbh |
naamloze vennootschap | naamlooze vennootschap | nl | nv | ood | ohg | oao | ooo | oy | oyj | pao | pbc | plc | pllc | pt | pte |
pty | private limited | public limited company | pvt | ry | sa | sa de cv | sab | sapi | sarl | sas | sasu | sc | sca | scrl | sd
| sdn | sdn bhd | se | sgps | sia | sicav | sl | slu | snc | societe anonyme | spa | spol sro | sp zoo | sp z oo | spzoo | srl |
srls | sro | tbk | ua | uab | ug | vennootschap | vof | vzw | yk | zao | zrt | vnl | dit | dite | soc | societe | stbv |
gesellschaft | gmbhco
"""
)

#: The longest legal form, in words.
LONGEST_FORM: Final = max(len(form.split()) for form in LEGAL_FORMS)

#: Joining words: they carry nothing.
JOINING: Final = _words(
    """
a an and at by d da de del della den der des di do dos du e el en et for fur in l la las le les los of on or te the to und van vom
von y zu amp
"""
)

#: Words of trade, of size and of place: half the companies of a branch have them. They tell two
#: companies of one name apart, and never make two one.
TRADE: Final = _words(
    """
advisors advisory aerospace agency air airlines america american analytics applied asia asset assets associates association
atlantic australia austria auto automation automotive bancorp bancshares bank banking beverage bio biotech brands brothers
building business canada capital care cars center central centre chemical chemicals china city clinic cloud club coal college
commerce commercial communications community computer computers construction consult consulting consumer control controls data
delivery design deutschland development digital distribution drinks east eastern education electric electrical electronic
electronics energy engineering enterprise enterprises entertainment equipment estate europa europe european exchange express
factory fashion federal film finance financial first food foods foundation france freight fund gas general germany global gold
great group groep gruppe hardware health healthcare holding holdings holland home homes hospital hospitality hotel hotels house
industrial industrie industries industry india information infrastructure innovation innovations institute instruments insurance
integrated international internationale internet investment investments iron italia italy japan koninklijke konink koninkl lab
laboratories labs land leasing life lighting line lines logistics london machine machinery machines management manufacturing
marine market marketing markets materials media medical medicine metal metals micro mining mobile mortgage motor motors music
mutual national nationale natural nederland netherland netherlands nederlandse network networks north northern office oil online
operations optical outdoor pacific packaging paper partners partnership payment petroleum pharma pharmaceutical pharmaceuticals
photo pipeline plastics power precision press product products professional properties property public publishing railway realty
regional republic research resource resources restaurant restaurants retail royal russia school schweiz science sciences
scientific security semiconductor semiconductors service services shop singapore software solution solutions source south southern
space spain standard state states steel storage store stores street studio studios sun supply support suisse sweden switzerland
system systems tech technologie technologies technology telecom telecommunications textile tools tours toy trade trading transport
transportation travel trust uk union united universal university us usa utilities valley ventures water web west western wholesale
wireless works world worldwide zorg maatschappij mij patent patents intellectual ip licensing
"""
)

#: Words of trade that name an arm of a house: a company of its own more often than not.
ARMS: Final = _words(
    """
asset assets capital finance financial foundation fund intellectual investment investments ip leasing licensing patent patents
property realty research trust ventures
"""
)
