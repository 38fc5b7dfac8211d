//! Sample pages for looking at a template: values of tickets in several languages and lengths, without real people's
//! data.

use uuid::Uuid;

use crate::template::TicketPage;

/// The page for readers of this language (a BCP 47 tag): in Arabic, in Japanese, else in English, with that locale.
#[must_use]
pub fn in_language(tag: &str) -> TicketPage {
    let page = match tag.split('-').next() {
        Some("ar") => arabic(),
        Some("ja") => japanese(),
        _ => ticket(),
    };
    TicketPage { locale: Some(tag.to_owned()), ..page }
}

/// A page with every field.
#[must_use]
pub fn ticket() -> TicketPage {
    let some = |text: &str| Some(text.to_owned());
    TicketPage {
        ticket_id: Uuid::from_u128(0x8f14_e45f_ceea_867a_9a36_dedd_4bea_2543),
        ticket_number: "7K3M9QXT2F".to_owned(),
        order_id: Uuid::from_u128(0x3f2b_6a1e_9c4d_4e8f_a7b5_1d2c_3e4f_5a6b),
        event_name: "Sofia Lindqvist & The Northern Lights Orchestra".to_owned(),
        organizer_name: some("Elbe Concerts"),
        venue_name: some("Großer Saal, Hafenphilharmonie"),
        venue_address: some("Am Sandtorkai 12, 20457 Hamburg, Germany"),
        starts: some("Saturday, 12 December 2026, 20:00"),
        doors: some("19:00"),
        ends: some("22:30"),
        holder_name: some("Zoë Müller-Łukasiewicz"),
        customer: "zoe.mueller@example.com".to_owned(),
        section: some("Parkett links"),
        row: some("12"),
        seat: "7".to_owned(),
        seat_unknown: false,
        category: some("Category A"),
        price: some("89.50 EUR"),
        ticket_index: 2,
        ticket_count: 4,
        issued_at: "2026-11-23T18:40:12Z".parse().unwrap_or_default(),
        issued: "23 November 2026, 19:40 CET".to_owned(),
        code: format!(
            "TK1:{}",
            "6BF+70790T9WJWG.FKY*4GO0.O1CV2 O5 N2FBBRW1*70HS8WY04AC*WIFN0AHCD8KD97TK0F90KECTHGWJC0FDC:5AIA%G7X+AQB9746HS80:54IBQF60R6$A80X6S1BTYACG6M+9XG8KIAWNA91AY%67092L4WJCT3EHS8XJC +DXJCCWENF6OF6"
        ),
        locale: some("en"),
        template: None,
    }
}

/// The same in Arabic, which is read from right to left.
#[must_use]
pub fn arabic() -> TicketPage {
    let some = |text: &str| Some(text.to_owned());
    TicketPage {
        event_name: "ليالي الموسيقى العربية في دار الأوبرا".to_owned(),
        organizer_name: some("دار الأوبرا المصرية"),
        venue_name: some("المسرح الكبير"),
        venue_address: some("شارع التحرير، الجزيرة، القاهرة"),
        holder_name: some("فاطمة الزهراء بنت محمد"),
        section: some("الصالة"),
        category: some("الفئة الأولى"),
        locale: some("ar-EG"),
        price: some("1,250.00 EGP"),
        ..ticket()
    }
}

/// The same in Japanese.
#[must_use]
pub fn japanese() -> TicketPage {
    let some = |text: &str| Some(text.to_owned());
    TicketPage {
        event_name: "東京フィルハーモニー交響楽団 ニューイヤーコンサート2027".to_owned(),
        organizer_name: some("東京文化会館"),
        venue_name: some("大ホール"),
        venue_address: some("〒110-8716 東京都台東区上野公園5-45"),
        holder_name: some("山田 太郎"),
        section: some("1階席"),
        category: some("S席"),
        locale: some("ja-JP"),
        price: some("12,000 JPY"),
        ..ticket()
    }
}

/// Only what every ticket has.
#[must_use]
pub fn bare() -> TicketPage {
    TicketPage {
        organizer_name: None,
        venue_name: None,
        venue_address: None,
        starts: None,
        doors: None,
        ends: None,
        holder_name: None,
        section: None,
        row: None,
        category: None,
        locale: None,
        seat: "General admission".to_owned(),
        event_name: "Jazz in the Park".to_owned(),
        ticket_index: 1,
        ticket_count: 1,
        ..ticket()
    }
}

/// Names far longer than their boxes.
#[must_use]
pub fn long() -> TicketPage {
    let some = |text: &str| Some(text.repeat(12));
    TicketPage {
        event_name:
            "The Annual International Conference on Distributed Systems, Databases and Everything Else "
                .repeat(5),
        organizer_name: some("Association of Organizers "),
        venue_name: some("Convention Centre, Hall Seven "),
        venue_address: some("Some Very Long Street Name 1234, "),
        starts: some("Saturday, 12 December 2026, "),
        doors: some("19:00 and then "),
        ends: some("22:30 or later "),
        holder_name: some("Wolfeschlegelsteinhausenbergerdorff "),
        section: some("Donaudampfschiff"),
        row: some("12"),
        seat: "7".repeat(60),
        category: some("Category "),
        customer: format!("{}@example.com", "x".repeat(200)),
        ticket_number: "7K3M9QXT2F".repeat(8),
        price: some("123456789.50 EUR"),
        ..ticket()
    }
}

/// Hindi and Thai, whose marks need room between lines, with a Hebrew holder.
#[must_use]
pub fn tall() -> TicketPage {
    let some = |text: &str| Some(text.to_owned());
    TicketPage {
        event_name: "शास्त्रीय संगीत की एक शाम – उस्ताद और शिष्य, दिल्ली हिन्दुस्तानी संगीत महोत्सव".to_owned(),
        organizer_name: some("राष्ट्रीय संगीत नाटक अकादमी"),
        venue_name: some("หอประชุมใหญ่ ศูนย์วัฒนธรรมแห่งประเทศไทย"),
        venue_address: some("ถนนเทียมร่วมมิตร แขวงห้วยขวาง เขตห้วยขวาง กรุงเทพมหานคร 10310"),
        holder_name: some("מֹשֶׁה שָׁלוֹם مُحَمَّد الأول"),
        section: some("पूर्वी दीर्घा"),
        ..ticket()
    }
}
