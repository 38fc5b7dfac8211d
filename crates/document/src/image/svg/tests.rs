use proptest::prelude::*;

use super::*;
use crate::image::Picture;

const LOGO: &[u8] = include_bytes!("../../../tests/logo.svg");

/// A drawing with this in it, 20 wide and 10 high.
fn svg(inside: &str) -> Vec<u8> {
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' viewBox='0 0 20 10'>\
         {inside}</svg>"
    )
    .into_bytes()
}

fn refused(inside: &str) -> String {
    Drawing::read(&svg(inside)).map(|_| ()).expect_err(inside)
}

/// The objects as a file of one page has them, their streams unpacked.
fn written(bytes: &[u8]) -> String {
    let drawing = Drawing::read(bytes).unwrap();
    let (_, part) = drawing.form().at(1);
    let mut out = String::new();
    let mut rest = part.bytes();
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|window| window == what);
    while let Some(start) = find(rest, b"stream\n") {
        let end = find(rest, b"\nendstream").unwrap();
        out += &String::from_utf8_lossy(&rest[..start]);
        let mut unpacked = vec![0; 1 << 20];
        let packed = &rest[start + 7..end];
        let length = libdeflater::Decompressor::new().zlib_decompress(packed, &mut unpacked).unwrap();
        out += &String::from_utf8_lossy(&unpacked[..length]);
        rest = &rest[end + 10..];
    }
    out + &String::from_utf8_lossy(rest)
}

#[test]
fn a_drawing_is_known_by_its_root() {
    for start in [
        "<svg>",
        "\u{FEFF}<svg/>",
        "<?xml version=\"1.0\"?>\n<!-- <html> -->\n<svg xmlns=\"\">",
        "<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\">\n<svg>",
        "<!DOCTYPE svg [\n<!ENTITY ns \"http://a>b\">\n]>\r\n\t<svg\n>",
        "<svg:svg xmlns:svg=\"http://www.w3.org/2000/svg\">",
    ] {
        assert!(is_svg(start.as_bytes()), "{start}");
    }
    for start in [
        "",
        "<",
        "<svgz>",
        "<html><svg>",
        "<?xml <svg>",
        "<!-- <svg>",
        "<!DOCTYPE [ <svg>",
        "svg",
        "\u{FEFF}",
    ] {
        assert!(!is_svg(start.as_bytes()), "{start}");
    }
    assert!(Picture::read(&[0x1F, 0x8B, 8, 0]).unwrap_err().contains("gunzip"));
    assert!(Picture::read(b"<html></html>").unwrap_err().contains("nor an SVG"));
}

#[test]
fn its_shape_is_that_of_its_size() {
    for (attributes, ratio) in [
        ("viewBox='0 0 40 10'", 0.25),
        ("viewBox='-5 7 40 10' width='10' height='30'", 3.0),
        ("viewBox='0 0 40 10' width='20mm'", 0.25),
        ("width='2in' height='96'", 0.5),
        ("width='100%' height='100%' viewBox='0 0 1 2'", 2.0),
    ] {
        let bytes = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' {attributes}><rect width='9' height='9'/></svg>"
        );
        let drawing = Drawing::read(bytes.as_bytes()).unwrap();
        assert!((drawing.ratio() - ratio).abs() < 1e-5, "{attributes}: {}", drawing.ratio());
    }
    for attributes in
        ["viewBox='0 0 0 0' width='0'", "width='0' height='5'", "width='-1' height='5' viewBox='0 0 1 1'"]
    {
        let bytes = format!("<svg xmlns='http://www.w3.org/2000/svg' {attributes}/>");
        let why = Drawing::read(bytes.as_bytes()).map(|_| ()).expect_err(attributes);
        assert!(why.contains("it has no size"), "{why}");
    }
    let thin = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 20000 1'/>";
    assert!(Drawing::read(thin.as_bytes()).unwrap_err().contains("10000 times"));
}

#[test]
fn paths_stay_paths() {
    let red = written(&svg("<rect x='1' y='2' width='3' height='4' fill='#ff0000'/>"));
    assert!(red.contains("1 0 0 rg") && red.contains("1 2 m") && !red.contains("/Group"), "{red}");
    let all = written(LOGO);
    for part in [
        "/ShadingType 2",
        "/ShadingType 3",
        "/SMask",
        "/BM/Multiply",
        "W*",
        "]0 d",
        "/S/Luminosity",
        "/S/Alpha",
    ] {
        assert!(all.contains(part), "{part} is not in {all}");
    }
    assert!(!all.contains("/Image"));
    // A style of a sheet applies, and the element's own style overrides it.
    let styled = "<style>.a { fill: #00ff00 } rect.b { fill: #0000ff }</style>";
    let green = written(&svg(&format!("{styled}<rect class='a' width='3' height='4'/>")));
    assert!(green.contains("0 1 0 rg"), "{green}");
    let white = written(&svg(&format!("{styled}<rect class='a b' style='fill:#fff' width='3' height='4'/>")));
    assert!(white.contains("1 1 1 rg"), "{white}");
    // Repeated objects are written once.
    let gradient = "<linearGradient id='g'><stop stop-color='red'/><stop offset='1'/></linearGradient>";
    let many = "<rect width='3' height='4' fill='url(#g)'/>".repeat(50);
    assert_eq!(written(&svg(&format!("{gradient}{many}"))).matches("/ShadingType").count(), 1);
}

#[test]
fn the_same_file_gives_the_same_bytes() {
    let bytes = |source: &[u8]| Drawing::read(source).unwrap().form().at(7).1.bytes().to_vec();
    let first = bytes(LOGO);
    // Hash tables of another thread have another random seed.
    for _ in 0..4 {
        assert!(std::thread::spawn(move || bytes(LOGO)).join().unwrap() == first);
    }
}

#[test]
fn what_would_be_left_out_is_refused_by_name() {
    for (inside, expected) in [
        ("<text>A</text>", "convert text to paths"),
        ("<g><switch><g><text>A</text></g></switch></g>", "convert text to paths"),
        ("<defs><g id='a'><text>A</text></g></defs><use href='#a'/>", "convert text to paths"),
        ("<image href='data:image/png;base64,iVBORw0KGgo='/>", "picture"),
        ("<image xlink:href='logo.png'/>", "picture"),
        ("<rect style='filter:blur(2px)'/>", "filters"),
        ("<filter id='f'/><rect filter='url(#f)'/>", "filters"),
        ("<style>rect{filter:drop-shadow(1px 1px)}</style><rect/>", "filters"),
        ("<script>alert(1)</script>", "script"),
        ("<foreignObject/>", "foreignObject"),
        ("<rect><animate attributeName='x'/></rect>", "animation"),
        ("<set/>", "animation"),
        ("<style>rect{animation-name:a}</style><rect/>", "animation"),
        ("<style>@import url(a.css);</style>", "@import"),
        ("<style>/* @font-face */ @media print { rect { fill: red } }</style>", "@media"),
        ("<use href='other.svg#a'/>", "outside of it, \"other.svg#a\""),
        ("<use xlink:href='https://example.org/a.svg#b'/>", "outside"),
        ("<rect fill='url(http://example.org/#g)'/>", "outside"),
        ("<rect style='fill:url(\"a.svg#b\")'/>", "outside"),
        ("<use href='#a'/>", "#a, which is not in it"),
        ("<rect fill='url(#a)'/>", "#a, which is not in it"),
        ("<pattern id='p'/><rect fill='url(#p)'/>", "pattern"),
        ("<marker id='m'/><path d='M0 0h9' marker-end='url(#m)'/>", "markers"),
        ("<g id='a'/><rect clip-path='url(#a)'/>", "clip-path refers to #a, which is none"),
        ("<rect clip-path='circle(5px)'/>", "only elements"),
        ("<rect fill='var(--brand)'/>", "variable"),
        ("<path d='M0 0h9' vector-effect='non-scaling-stroke'/>", "vector-effect"),
        ("<mesh/>", "<mesh>"),
        (
            "<linearGradient id='g' spreadMethod='repeat'><stop/><stop offset='.1' stop-color='red'/></linearGradient>\
          <rect width='5' height='5' fill='url(#g)'/>",
            "spreadMethod",
        ),
        ("<g style='mix-blend-mode:plus-lighter'><rect width='5' height='5'/></g>", "plus-lighter"),
        ("<g id='a'><use href='#a'/></g>", "refers to itself"),
        (
            "<clipPath id='a'><rect clip-path='url(#b)'/></clipPath><clipPath id='b'><rect class='c'/></clipPath>\
          <style>.c{clip-path:url(#a)}</style>",
            "refers to itself",
        ),
        ("<path d='M0 0h1e9' stroke='red'/>", "number in its d is larger than"),
        ("<path d='M0 0A3e38 3 0 0 1 2 5z'/>", "larger than"),
        ("<path d='M0 0h9e6h9e6v9' stroke='red'/>", "coordinate or a scale"),
        ("<g", "it is no usable SVG"),
    ] {
        let why = Picture::read(&svg(inside)).map(|_| ()).expect_err(inside);
        assert!(why.starts_with("it is no usable SVG: ") && why.contains(expected), "{inside}: {why}");
    }
    let sheet = [b"<?xml-stylesheet href='a.css'?>", &svg("")[..]].concat();
    assert!(Drawing::read(&sheet).unwrap_err().contains("style sheet in another file"));
    assert!(Drawing::read(b"<svg>\xFF</svg>").unwrap_err().contains("UTF-8"));
}

#[test]
fn what_no_viewer_shows_is_passed_over() {
    for inside in [
        "<title>T</title><desc>D</desc><metadata><x:y xmlns:x='a'><x:image/></x:y></metadata>",
        "<switch><foreignObject requiredExtensions='http://ns.adobe.com/'/><g><rect width='5' height='5'/></g></switch>",
        "<filter id='f'><feImage href='a.png'/></filter><pattern id='p'><image href='a.png'/></pattern>",
        "<x:namedview xmlns:x='urn:x'><x:text/></x:namedview>",
        "<a href='https://example.org'><rect width='5' height='5'/></a>",
        "<style>@font-face { font-family: a; src: url(a.woff) }</style>",
        "<rect clip-path='none' filter='none' mask='none' width='5' height='5'/>",
    ] {
        Drawing::read(&svg(inside)).unwrap_or_else(|why| panic!("{inside}: {why}"));
    }
}

#[test]
fn what_takes_too_much_is_refused() {
    let nested = |depth: usize| {
        format!("{}<path d='M0 0h9v9z'/>{}", "<g opacity='.9'>".repeat(depth), "</g>".repeat(depth))
    };
    Drawing::read(&svg(&nested(20))).unwrap();
    assert!(refused(&nested(30)).contains("24 deep"));
    let plain =
        |depth: usize| format!("{}<path d='M0 0h9v9z'/>{}", "<g>".repeat(depth), "</g>".repeat(depth));
    Drawing::read(&svg(&plain(60))).unwrap();
    assert!(refused(&plain(70)).contains("64 deep"));
    assert!(refused(&"<g>".repeat(200_001)).contains("XML nodes"));
    assert!(refused(&"<g/>".repeat(20_000)).contains("at most 20000"));
    // A drawing of 10 to the 12 elements.
    let mut laughs = "<g id='a0'><path d='M0 0h9'/></g>".to_owned();
    for level in 0..12 {
        let again = format!("<use href='#a{level}'/>").repeat(10);
        laughs = format!("{laughs}<g id='a{}'>{again}</g>", level + 1);
    }
    assert!(refused(&laughs).contains("at most 20000"));
    let path = format!("<path id='p' d='M0 0{}'/>", "h1v1".repeat(20_000));
    assert!(refused(&format!("{path}{}", "<use href='#p'/>".repeat(400))).contains("bytes"));
    assert!(refused(&format!("{path}{}", "<use href='#p'/>".repeat(40))).contains("lines and curves"));
    // Inherited by each.
    let paths = "<path d='M0 0h9'/>".repeat(1000);
    for value in ["1 ".repeat(20_000), format!("{}1", " ".repeat(20_000))] {
        assert!(refused(&format!("<g stroke-dasharray='{value}'>{paths}</g>")).contains("bytes"));
    }
    let attributes = (0..1001).map(|n| format!("a{n}=''")).collect::<Vec<_>>().join(" ");
    assert!(refused(&format!("<g {attributes}/>")).contains("1000 attributes"));
    let namespaces = (0..999).map(|n| format!("xmlns:a{n}='b'")).collect::<Vec<_>>().join(" ");
    assert!(refused(&format!("<g {namespaces}/><g {namespaces}/>")).contains("1000 namespaces"));
    let masked = |n| format!("<rect width='{n}' height='1' fill='url(#g)'/>");
    let masked: String = (1..11_000).map(masked).collect();
    let gradient = "<linearGradient id='g'><stop stop-opacity='0'/><stop offset='1'/></linearGradient>";
    assert!(refused(&format!("{gradient}{masked}")).contains("objects of a PDF"));
    let stops = "<stop/>".repeat(300);
    assert!(refused(&format!("<linearGradient id='g'>{stops}</linearGradient>")).contains("256 colours"));
    let sheet = |rules: usize| format!("<style>{}</style>", "a{fill:red}".repeat(rules));
    assert!(refused(&format!("{}{}", sheet(1000), "<g/>".repeat(2001))).contains("1000 rules"));
    Drawing::read(&svg(&format!("{}{}", sheet(1000), "<g/>".repeat(1000)))).unwrap();
    assert!(refused("<style>g &gt; g g{fill:red}</style>").contains("more than 2 parts, g > g g"));
    Drawing::read(&svg("<style>g &gt; .a, g rect{fill:red}</style>")).unwrap();
    assert!(refused(&sheet(5000)).contains("too long"));
    assert!(refused(&format!("<g style='{}'/>", "fill:red;".repeat(5000))).contains("too long"));
    let entities = |references: usize| {
        let svg = String::from_utf8(svg(&"<g id='&a;'/>".repeat(references))).unwrap();
        Drawing::read(format!("<!DOCTYPE svg [<!ENTITY a \"{}\">]>{svg}", "x".repeat(1000)).as_bytes())
            .map(|_| ())
    };
    assert_eq!(entities(10), Ok(()));
    assert!(entities(1001).unwrap_err().contains("entities"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), at in 0..LOGO.len()) {
        let mut damaged = LOGO.to_vec();
        damaged[at] ^= bytes.first().copied().unwrap_or(1);
        let _either = Picture::read(&damaged);
        let _either = Picture::read(&LOGO[..at]);
        let _either = Picture::read(&[&LOGO[..at], &bytes, &LOGO[at..]].concat());
        for start in [&b"<svg>"[..], b"<svg viewBox='0 0 1 1'><path d='", b"<?xml?><!DOCTYPE svg ["] {
            let _either = Picture::read(&[start, &bytes].concat());
        }
    }

    /// Numbers of any size wherever a drawing has numbers.
    #[test]
    fn any_numbers_are_drawn_or_refused(
        numbers in prop::collection::vec(prop_oneof![
            any::<f32>(), -20.0_f32..20.0, Just(0.0), Just(1e-30), Just(f32::MAX), Just(f32::INFINITY)
        ], 26),
    ) {
        const DRAWING: &str = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='? ? 30 20'>\
             <linearGradient id='l' x1='?' x2='?' gradientTransform='matrix(? ? ? ? ? 0)'>\
             <stop offset='?' stop-opacity='?'/><stop offset='?' stop-color='red'/></linearGradient>\
             <radialGradient id='r' cx='?' r='?' fr='?' fx='?'><stop/><stop offset='1' stop-color='red'/></radialGradient>\
             <clipPath id='c'><circle r='?'/><rect width='9' height='?'/></clipPath>\
             <g clip-path='url(#c)' transform='rotate(?) scale(?)' opacity='?'>\
             <path d='M0 0A? 3 0 0 1 2 5Q1 2 3 ?z' fill='url(#l)' stroke='url(#r)' stroke-width='?' \
             stroke-dasharray='? 1' stroke-dashoffset='?'/></g></svg>";
        let mut drawing = String::new();
        let mut all = numbers.iter();
        for c in DRAWING.chars() {
            match (c, all.len()) {
                ('?', 1..) => drawing += &all.next().unwrap().to_string(),
                _ => drawing.push(c),
            }
        }
        prop_assert!(!drawing.contains('?'));
        if let Ok(drawing) = Drawing::read(drawing.as_bytes()) {
            let bytes = drawing.form().at(1).1.bytes().to_vec();
            let text = String::from_utf8_lossy(&bytes);
            prop_assert!(!text.contains("NaN") && !text.contains("inf "), "{text}");
        }
    }
}
