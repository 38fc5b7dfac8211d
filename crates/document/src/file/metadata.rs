//! A file's metadata, written twice: as XMP, which archives and screen readers read (ISO 16684-1), and in the document
//! information dictionary (ISO 32000-1, 14.3.3).

use std::fmt::Write as _;

use jiff::tz::Offset;
use pdf_writer::writers::DocumentInfo;
use pdf_writer::{Date, Ref, TextStr};

use crate::pdf::ObjectStream;

/// The name of the program that creates the files.
pub(crate) const CREATOR: &str = "Fulfillment";

/// The metadata of a file.
pub(crate) struct Meta<'a> {
    pub(crate) title: String,
    pub(crate) author: Option<String>,
    pub(crate) language: &'a str,
    pub(crate) issued_at: jiff::Timestamp,
    pub(crate) creator: &'a str,
    pub(crate) version: &'a str,
    /// Whether it has a structure tree and what PDF/A requires.
    pub(crate) tagged: bool,
    /// Whether it may claim PDF/A and PDF/UA: foreign content in it may conform to neither.
    pub(crate) archival: bool,
}

/// The beginning of the XMP packet: PDF/A-2a (ISO 19005-2, 6.6.4), PDF/UA-1 (ISO 14289-1, 5), and the description of
/// the latter's property, which PDF/A requires for every schema that is not predefined (ISO 19005-2, 6.6.2.3).
const HEAD: &str = concat!(
    "<?xpacket begin=\"\u{FEFF}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n",
    r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">"#,
    r#"<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/""#,
    r#" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/""#,
    r#" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/""#,
    r#" xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#""#,
    r#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#""#,
    r#" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/""#,
    r#" xmlns:pdf="http://ns.adobe.com/pdf/1.3/" pdfaid:part="2" pdfaid:conformance="A" pdfuaid:part="1">"#,
    r#"<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">"#,
    "<pdfaSchema:schema>PDF/UA identification</pdfaSchema:schema>",
    "<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>",
    "<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>",
    r#"<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">"#,
    "<pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType>",
    "<pdfaProperty:category>internal</pdfaProperty:category>",
    "<pdfaProperty:description>Part of ISO 14289</pdfaProperty:description>",
    "</rdf:li></rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas>",
);
/// The conformance claim within the beginning.
const CLAIM: &str = r#" pdfaid:part="2" pdfaid:conformance="A" pdfuaid:part="1">"#;
const TAIL: &str = "</rdf:Description></rdf:RDF></x:xmpmeta>\n<?xpacket end=\"r\"?>";

/// The XMP packet. It says the same as the document information dictionary.
pub(crate) fn packet(meta: &Meta<'_>) -> String {
    let mut out = String::with_capacity(2560);
    if meta.archival {
        out.push_str(HEAD);
    } else {
        out.push_str(&HEAD.replace(CLAIM, ">"));
    }
    out.push_str("<dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">");
    escape(&mut out, &meta.title);
    out.push_str("</rdf:li></rdf:Alt></dc:title>");
    if let Some(author) = &meta.author {
        out.push_str("<dc:creator><rdf:Seq><rdf:li>");
        escape(&mut out, author);
        out.push_str("</rdf:li></rdf:Seq></dc:creator>");
    }
    for (name, value) in [("xmp:CreatorTool", meta.creator), ("pdf:Producer", meta.version)] {
        let _infallible = write!(out, "<{name}>");
        escape(&mut out, value);
        let _infallible = write!(out, "</{name}>");
    }
    let at = Offset::UTC.to_datetime(meta.issued_at);
    if (0..=9999).contains(&at.year()) {
        for name in ["xmp:CreateDate", "xmp:ModifyDate"] {
            let _infallible = write!(
                out,
                "<{name}>{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z</{name}>",
                at.year(),
                at.month(),
                at.day(),
                at.hour(),
                at.minute(),
                at.second()
            );
        }
    }
    out.push_str(TAIL);
    out
}

fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
}

/// Writes the document information dictionary.
pub(crate) fn write_info(objects: &mut ObjectStream, id: Ref, meta: &Meta<'_>) {
    objects.write(id, |object| {
        let mut about: DocumentInfo<'_> = object.start();
        about.title(TextStr(&meta.title)).creator(TextStr(meta.creator)).producer(TextStr(meta.version));
        if let Some(author) = &meta.author {
            about.author(TextStr(author));
        }
        if let Some(date) = date(meta.issued_at) {
            about.creation_date(date).modified_date(date);
        }
    });
}

fn date(at: jiff::Timestamp) -> Option<Date> {
    let at = Offset::UTC.to_datetime(at);
    let part = |value: i8| u8::try_from(value).ok();
    Some(
        Date::new(u16::try_from(at.year()).ok()?)
            .month(part(at.month())?)
            .day(part(at.day())?)
            .hour(part(at.hour())?)
            .minute(part(at.minute())?)
            .second(part(at.second())?)
            .utc_offset_hour(0)
            .utc_offset_minute(0),
    )
}
