//! Writes the commented default file from the declarations of the settings.

use std::fmt::Write as _;

/// The text of a file that lists every setting, commented out, at its default.
pub fn default_file() -> String {
    let mut out = String::from(
        "# Fulfillment. Every setting at its default; uncomment a line to change it.\n\
         # The environment variable named above a setting overrides the file. A secret can also be read from a file:\n\
         # add _file to the key or _FILE to the variable, and give the path.\n",
    );
    for (about, keys) in super::sections() {
        let Some(first) = keys.first() else { continue };
        out.push('\n');
        for line in about {
            let _ = writeln!(out, "#{line}");
        }
        let _ = writeln!(out, "[{}]", first.section);
        for key in keys {
            for line in key.doc {
                let _ = writeln!(out, "#{line}");
            }
            let bounds = match key.bounds {
                [least, most] => format!(", from {least} to {most}"),
                _ => String::new(),
            };
            let _ = writeln!(out, "# {}{bounds}", key.variable());
            let _ = writeln!(out, "#{} = {:?}", key.name, key.default);
        }
    }
    out.push_str(
        "\n# Tokens with fewer rights than http.token: any of ingest, withdraw, read:status, read,\n\
         # events, deliver, door, door:names, door:supervise, metrics, audit, admin. token_sha256 takes the hash alone.\n\
         #[[token]]\n# name = \"door\"\n# token_file = \"/run/secrets/door-token\"\n# scopes = [\"door\"]\n\
         \n# Webhooks, signed as Standard Webhooks specifies.\n\
         #[[webhook]]\n# name = \"crm\"\n# url = \"https://crm.example/hooks/tickets\"\n\
         # secret_file = \"/run/secrets/crm-webhook\"\n\
         \n# Your own templates, or a built-in one with a logo, colours and a footer; see docs/templates.md.\n\
         # Template files are reloaded while the service runs.\n\
         #[[template]]\n# name = \"gala\"\n# base = \"a4\"                          # a4, phone, thermal, or a template's file\n\
         # logo = \"/etc/fulfillment/logo.png\"\n# colors.accent = \"#7a1f2b\"\n\
         # texts.footer = \"Elbe Concerts, Hamburg\"\n\
         # events = [\"0b9f...\"]                   # ids, as Ordering writes them\n# organizers = [\"17\"]\n\
         \n# Rules of events' doors, set at each start; see docs/door.md.\n\
         #[[door]]\n# event = \"0b9f...\"                      # the id, as Ordering writes it\n\
         # rules = \"/etc/fulfillment/rules.json\"\n",
    );
    out
}
