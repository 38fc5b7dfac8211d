//! Words for areas and for single seats, in the languages of the page's labels.

/// Places for several people: everybody at a table has the same place.
pub(super) const AREAS: &[&str] = &[
    // English
    "table, block, zone, area, standing, floor, level, day, general admission, ga, sector, box",
    "tier, stand, terrace, pit, gate, entrance, parking, lounge, free seating, category, cat",
    "golden circle, price, pen, lawn, ring, enclosure, paddock, hall, room",
    // Spanish
    "mesa, bloque, zona, área, de pie, planta, piso, nivel, día, dia, entrada general, palco",
    "grada, puerta, asiento libre, categoría, categoria, tribuna, precio, entrada, acceso, césped",
    "anillo, sala, lugar de pie",
    // German
    "tisch, bereich, stehplatz, stehplätze, stehbereich, etage, stock, ebene, tag, loge, tribüne",
    "parkplatz, innenraum, eingang, freie platzwahl, kategorie, kat, preis, preisgruppe",
    "preiskategorie, preisklasse, preisstufe, sektor, kurve, tor, rasen, oberrang, unterrang",
    "saal, halle",
    // French
    "bloc, debout, étage, niveau, jour, tribune, fosse, porte, secteur, placement libre",
    "catégorie, categorie, prix, gradin, virage, carré, pelouse, entrée, accès, salle",
    "place debout, places debout",
    // Portuguese
    "bloco, setor, em pé, de pé, andar, nível, camarote, pista, lugar não marcado, preço",
    "arquibancada, portão, gramado, lugar em pé, lugar de pé",
    // Italian
    "tavolo, blocco, in piedi, piano, livello, giorno, settore, prato, posto unico",
    "posto non numerato, prezzo, curva, gradinata, cancello, ingresso, anello, posto in piedi",
    "posti in piedi",
    // Dutch
    "tafel, blok, gebied, vak, staanplaats, staanplaatsen, verdieping, dag, veld",
    "vrije plaatskeuze, prijs, ingang, zaal",
    // Polish
    "stolik, stół, strefa, obszar, miejsca stojące, miejsce stojące, stojące, piętro, poziom",
    "dzień, loża, trybuna, płyta, miejsce nienumerowane, kategoria, cena, wejście, brama, murawa",
    // Arabic
    "طاولة, منطقة, بلوك, وقوف, طابق, مستوى, يوم, دخول عام, جلوس حر, فئة, مدرج, بوابة, مدخل, قاعة",
    // Hebrew
    "שולחן, אזור, גוש, בלוק, עמידה, קומה, מפלס, יום, כניסה כללית, ישיבה חופשית, קטגוריה, יציע",
    "שער, כניסה, מתחם, אולם",
    // Chinese
    "桌, 区, 區, 站, 楼, 樓, 层, 層, 自由入座, 类别, 類別, 票价, 票價, 看台, 入口",
    // Japanese
    "テーブル, ブロック, ゾーン, エリア, スタンディング, 立見, 立ち見, フロア, 階, レベル, 自由席, カテゴリ, スタンド, ゲート",
    // Korean
    "테이블, 블록, 구역, 스탠딩, 입석, 층, 레벨, 자유석, 카테고리, 등급, 스탠드, 게이트, 입구",
];

/// Seats, and the rows that contain them.
pub(super) const SEATS: &[&str] = &[
    "seat, seats, chair, row, asiento, butaca, silla, fila, platz, sitz, sitzplatz, stuhl, reihe",
    "place, siège, fauteuil, rangée, assento, cadeira, lugar, fileira, posto, poltrona, sedia",
    "stoel, rij, plaats, zitplaats, miejsce, rząd, fotel, krzesło, مقعد, كرسي, صف, מושב, כיסא, שורה",
    "座, 席, 排, 列, 号, 號, 番, 좌석, 열, 번",
];
