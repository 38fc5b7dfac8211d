//! What a page says of itself, by language.
//!
//! To add a language, add a [`Language`] below; a label that is left out does not compile. A label may have
//! placeholders of the ticket.

use super::text::Source;

/// The labels in one language.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Language {
    /// Lower-case tags that are read as this language, from the most exact.
    pub(crate) tags: &'static [&'static str],
    texts: [&'static str; LABELS.len()],
}

/// What templates call the labels, in the order of each language's texts.
const LABELS: [&str; 22] = [
    "starts",
    "doors",
    "ends",
    "venue",
    "address",
    "section",
    "row",
    "seat",
    "category",
    "holder",
    "price",
    "number",
    "customer",
    "order",
    "ticket_id",
    "issued",
    "ticket",
    "index",
    "fold",
    "code",
    "notice",
    "organizer",
];

const INDEX: usize = 17;
const CODE: usize = 19;

/// A label by its place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(usize);

impl Label {
    /// "QR code of ticket 7K3M9 QXT2F": what is said in place of the code.
    pub(crate) const CODE: Self = Self(CODE);
    /// "Order".
    pub(crate) const ORDER: Self = Self(13);
    /// "Ticket".
    pub(crate) const TICKET: Self = Self(16);

    pub(crate) fn named(name: &str) -> Option<Self> {
        LABELS.iter().position(|known| *known == name).map(Self)
    }

    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        LABELS.iter().copied()
    }

    /// Whether it has placeholders of the ticket.
    pub(crate) fn has_fields(self) -> bool {
        matches!(self.0, INDEX | CODE)
    }

    /// Writes the label in the source's language.
    pub(crate) fn fill(self, source: Source<'_>, out: &mut String) {
        let mut rest = source.language.texts[self.0];
        while let Some((before, name, after)) = placeholder(rest) {
            out.push_str(before);
            if let Some(field) = super::field::Field::named(name) {
                out.push_str(source.values.get(field));
            }
            rest = after;
        }
        out.push_str(rest);
    }
}

/// The first placeholder with what is before and after it.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// The labels for a page's language, a lower-case tag; English where there are none.
pub(crate) fn language(tag: &str) -> &'static Language {
    let matches = |language: &&Language| {
        let prefix = |known: &str| {
            tag.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        language.tags.iter().any(|known| prefix(known))
    };
    LANGUAGES.iter().find(matches).unwrap_or(&LANGUAGES[0])
}

/// Every language, English first; traditional Chinese before the rest of Chinese.
pub(crate) static LANGUAGES: [Language; 14] = [
    Language {
        tags: &["en"],
        texts: [
            "Starts",
            "Doors",
            "Ends",
            "Venue",
            "Address",
            "Section",
            "Row",
            "Seat",
            "Category",
            "Ticket holder",
            "Price",
            "Ticket number",
            "Booked by",
            "Order",
            "Ticket ID",
            "Generated",
            "Ticket",
            "Ticket {ticket.index} of {ticket.count}",
            "Fold here",
            "QR code of ticket {ticket.number}",
            "Show this code at the entrance, on paper or on a screen at full brightness. It lets one person in, once: \
             whoever shows it first. Keep it to yourself and do not post pictures of it.",
            "Organizer",
        ],
    },
    Language {
        tags: &["es"],
        texts: [
            "Inicio",
            "Apertura de puertas",
            "Fin",
            "Lugar",
            "Dirección",
            "Sector",
            "Fila",
            "Asiento",
            "Categoría",
            "Titular de la entrada",
            "Precio",
            "Número de entrada",
            "Comprada por",
            "Pedido",
            "ID de la entrada",
            "Generada",
            "Entrada",
            "Entrada {ticket.index} de {ticket.count}",
            "Doblar aquí",
            "Código QR de la entrada {ticket.number}",
            "Muestre este código en la entrada, en papel o en una pantalla con el brillo al máximo. Da paso a una sola \
             persona, una sola vez: a quien lo muestre primero. No lo comparta ni publique fotos de él.",
            "Organiza",
        ],
    },
    Language {
        tags: &["de"],
        texts: [
            "Beginn",
            "Einlass",
            "Ende",
            "Ort",
            "Adresse",
            "Bereich",
            "Reihe",
            "Platz",
            "Kategorie",
            "Ticketinhaber",
            "Preis",
            "Ticketnummer",
            "Gebucht von",
            "Bestellung",
            "Ticket-ID",
            "Erstellt",
            "Ticket",
            "Ticket {ticket.index} von {ticket.count}",
            "Hier falten",
            "QR-Code des Tickets {ticket.number}",
            "Zeigen Sie diesen Code am Einlass vor, auf Papier oder auf einem hell gestellten Bildschirm. Er lässt eine \
             Person ein, einmal: wer ihn zuerst zeigt. Geben Sie ihn nicht weiter und zeigen Sie keine Bilder davon.",
            "Veranstalter",
        ],
    },
    Language {
        tags: &["fr"],
        texts: [
            "Début",
            "Ouverture des portes",
            "Fin",
            "Lieu",
            "Adresse",
            "Section",
            "Rang",
            "Place",
            "Catégorie",
            "Titulaire du billet",
            "Prix",
            "Numéro du billet",
            "Réservé par",
            "Commande",
            "ID du billet",
            "Émis",
            "Billet",
            "Billet {ticket.index} sur {ticket.count}",
            "Plier ici",
            "Code QR du billet {ticket.number}",
            "Présentez ce code à l’entrée, sur papier ou sur un écran à pleine luminosité. Il laisse entrer une seule \
             personne, une seule fois : la première qui le présente. Gardez-le pour vous et n’en publiez pas de photo.",
            "Organisation",
        ],
    },
    Language {
        tags: &["pt"],
        texts: [
            "Início",
            "Abertura das portas",
            "Fim",
            "Local",
            "Endereço",
            "Setor",
            "Fila",
            "Lugar",
            "Categoria",
            "Titular do bilhete",
            "Preço",
            "Número do bilhete",
            "Comprado por",
            "Pedido",
            "ID do bilhete",
            "Emitido",
            "Bilhete",
            "Bilhete {ticket.index} de {ticket.count}",
            "Dobre aqui",
            "Código QR do bilhete {ticket.number}",
            "Mostre este código à entrada, em papel ou num ecrã com o brilho no máximo. Dá entrada a uma só pessoa, uma \
             só vez: a quem o mostrar primeiro. Guarde-o para si e não publique fotografias dele.",
            "Organização",
        ],
    },
    Language {
        tags: &["it"],
        texts: [
            "Inizio",
            "Apertura porte",
            "Fine",
            "Luogo",
            "Indirizzo",
            "Settore",
            "Fila",
            "Posto",
            "Categoria",
            "Intestatario",
            "Prezzo",
            "Numero del biglietto",
            "Acquistato da",
            "Ordine",
            "ID del biglietto",
            "Emesso",
            "Biglietto",
            "Biglietto {ticket.index} di {ticket.count}",
            "Piegare qui",
            "Codice QR del biglietto {ticket.number}",
            "Mostra questo codice all’ingresso, su carta o su uno schermo alla massima luminosità. Fa entrare una sola \
             persona, una sola volta: chi lo mostra per primo. Non condividerlo e non pubblicarne fotografie.",
            "Organizzatore",
        ],
    },
    Language {
        tags: &["nl"],
        texts: [
            "Aanvang",
            "Deuren open",
            "Einde",
            "Locatie",
            "Adres",
            "Vak",
            "Rij",
            "Stoel",
            "Categorie",
            "Tickethouder",
            "Prijs",
            "Ticketnummer",
            "Geboekt door",
            "Bestelling",
            "Ticket-ID",
            "Aangemaakt",
            "Ticket",
            "Ticket {ticket.index} van {ticket.count}",
            "Hier vouwen",
            "QR-code van ticket {ticket.number}",
            "Toon deze code bij de ingang, op papier of op een scherm met volle helderheid. Er kan één persoon mee naar \
             binnen, één keer: wie hem het eerst toont. Deel hem niet en plaats er geen foto’s van.",
            "Organisator",
        ],
    },
    Language {
        tags: &["pl"],
        texts: [
            "Początek",
            "Otwarcie drzwi",
            "Koniec",
            "Miejsce",
            "Adres",
            "Sektor",
            "Rząd",
            "Miejsce",
            "Kategoria",
            "Posiadacz biletu",
            "Cena",
            "Numer biletu",
            "Kupujący",
            "Zamówienie",
            "ID biletu",
            "Wystawiono",
            "Bilet",
            "Bilet {ticket.index} z {ticket.count}",
            "Tu zgiąć",
            "Kod QR biletu {ticket.number}",
            "Okaż ten kod przy wejściu, na papierze lub na ekranie z pełną jasnością. Wpuszcza jedną osobę, jeden raz: \
             tę, która okaże go pierwsza. Nie udostępniaj go i nie publikuj jego zdjęć.",
            "Organizator",
        ],
    },
    Language {
        tags: &["ar"],
        texts: [
            "البداية",
            "فتح الأبواب",
            "النهاية",
            "المكان",
            "العنوان",
            "القسم",
            "الصف",
            "المقعد",
            "الفئة",
            "حامل التذكرة",
            "السعر",
            "رقم التذكرة",
            "باسم",
            "الطلب",
            "معرّف التذكرة",
            "تاريخ الإصدار",
            "تذكرة",
            "تذكرة {ticket.index} من {ticket.count}",
            "اطوِ هنا",
            "رمز الاستجابة السريعة للتذكرة {ticket.number}",
            "أظهر هذا الرمز عند المدخل، مطبوعًا أو على شاشة بأقصى سطوع. يسمح بدخول شخص واحد مرة واحدة: أول من يُظهره. \
             احتفظ به لنفسك ولا تنشر صورًا له.",
            "المنظِّم",
        ],
    },
    Language {
        tags: &["he", "iw"],
        texts: [
            "התחלה",
            "פתיחת דלתות",
            "סיום",
            "מקום",
            "כתובת",
            "אזור",
            "שורה",
            "מושב",
            "קטגוריה",
            "בעל הכרטיס",
            "מחיר",
            "מספר כרטיס",
            "הוזמן על ידי",
            "הזמנה",
            "מזהה כרטיס",
            "הופק",
            "כרטיס",
            "כרטיס {ticket.index} מתוך {ticket.count}",
            "לקפל כאן",
            "קוד QR של כרטיס {ticket.number}",
            "יש להציג את הקוד בכניסה, על נייר או על מסך בבהירות מלאה. הקוד מכניס אדם אחד, פעם אחת: את מי שמציג אותו ראשון. \
             יש לשמור אותו ולא לפרסם תמונות שלו.",
            "מארגן",
        ],
    },
    Language {
        tags: &["zh-tw", "zh-hk", "zh-mo", "zh-hant"],
        texts: [
            "開始",
            "入場",
            "結束",
            "場地",
            "地址",
            "區域",
            "排",
            "座位",
            "票種",
            "持票人",
            "票價",
            "票號",
            "訂購人",
            "訂單",
            "票券編號",
            "產生時間",
            "票券",
            "第 {ticket.index} 張，共 {ticket.count} 張",
            "由此摺疊",
            "票券 {ticket.number} 的二維碼",
            "請於入口出示此二維碼，紙本或調至最亮的螢幕均可。此碼僅供一人入場一次，先出示者有效。請妥善保管，勿公開其圖片。",
            "主辦單位",
        ],
    },
    Language {
        tags: &["zh"],
        texts: [
            "开始",
            "入场",
            "结束",
            "场馆",
            "地址",
            "区域",
            "排",
            "座位",
            "票种",
            "持票人",
            "票价",
            "票号",
            "预订人",
            "订单",
            "票券编号",
            "生成时间",
            "门票",
            "第 {ticket.index} 张，共 {ticket.count} 张",
            "沿此折叠",
            "门票 {ticket.number} 的二维码",
            "请在入口处出示此二维码，纸质或亮度调至最高的屏幕均可。此码仅供一人入场一次，先出示者有效。请妥善保管，勿公开其图片。",
            "主办方",
        ],
    },
    Language {
        tags: &["ja"],
        texts: [
            "開演",
            "開場",
            "終演",
            "会場",
            "住所",
            "エリア",
            "列",
            "座席",
            "券種",
            "お名前",
            "料金",
            "チケット番号",
            "購入者",
            "注文",
            "チケットID",
            "発行日時",
            "チケット",
            "{ticket.count}枚中{ticket.index}枚目",
            "ここで折る",
            "チケット {ticket.number} のQRコード",
            "入口でこのコードをご提示ください。紙でも、明るさを最大にした画面でもかまいません。\
             先に提示された一名様が一度だけ入場できます。他の人に渡したり、画像を公開したりしないでください。",
            "主催",
        ],
    },
    Language {
        tags: &["ko"],
        texts: [
            "시작",
            "입장",
            "종료",
            "장소",
            "주소",
            "구역",
            "열",
            "좌석",
            "등급",
            "티켓 소지자",
            "가격",
            "티켓 번호",
            "예매자",
            "주문",
            "티켓 ID",
            "발행",
            "티켓",
            "티켓 {ticket.count}장 중 {ticket.index}번째",
            "여기를 접으세요",
            "티켓 {ticket.number}의 QR 코드",
            "입구에서 이 코드를 종이로, 또는 밝기를 최대로 한 화면으로 보여 주세요. 먼저 제시한 한 분만 한 번 입장할 수 \
             있습니다. 다른 사람과 공유하거나 사진을 게시하지 마세요.",
            "주최",
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::field::Field;

    #[test]
    fn languages_are_found_by_prefix() {
        for (tag, first) in [
            ("", "Starts"),
            ("en-gb", "Starts"),
            ("de-at", "Beginn"),
            ("den", "Starts"),
            ("zh-hant-tw", "開始"),
            ("zh-cn", "开始"),
            ("zh", "开始"),
            ("pt-br", "Início"),
            ("iw", "התחלה"),
            ("tlh", "Starts"),
        ] {
            assert_eq!(language(tag).texts[0], first, "{tag}");
        }
    }

    #[test]
    fn labels_have_the_placeholders_they_should() {
        for language in &LANGUAGES {
            for (index, text) in language.texts.iter().enumerate() {
                let mut fields = Vec::new();
                let mut rest = *text;
                while let Some((_, name, after)) = placeholder(rest) {
                    fields.push(Field::named(name).unwrap_or_else(|| panic!("{name} in {text}")));
                    rest = after;
                }
                assert!(!text.is_empty() && !rest.contains(['{', '}']), "{text}");
                assert_eq!(!fields.is_empty(), Label(index).has_fields(), "{text}");
                if index == INDEX {
                    assert!(fields.contains(&Field::TicketIndex) && fields.contains(&Field::TicketCount));
                }
            }
        }
        assert_eq!((LABELS[INDEX], LABELS[CODE]), ("index", "code"));
        assert_eq!(
            (Label::named("order"), Label::named("ticket")),
            (Some(Label::ORDER), Some(Label::TICKET))
        );
    }
}
