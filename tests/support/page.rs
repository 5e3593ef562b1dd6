//! Pages of commands: what a person who follows them does, in order.
//!
//! A `console` block holds commands (`$ `, continued by a final `\`) and lines of what they say: each must occur in the output, on
//! either stream, up to the spaces around it. `# exits N` behind a command is its exit code, where that is not 0. A block whose first
//! line is `# <file>` is that file; one of `sql` is there to be looked at.

/// One thing that the page does.
pub(crate) enum Act {
    /// Writes a file.
    File { path: String, text: String },
    /// Runs a command.
    Command { text: String, code: i32, says: Vec<String> },
}

/// The fenced blocks of a page: their language and their lines.
fn blocks(page: &str) -> Vec<(&str, Vec<&str>)> {
    let mut blocks = Vec::new();
    let mut open: Option<(&str, Vec<&str>)> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => open = Some((language, Vec::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block does not end");
    blocks
}

/// What a page has a person do.
pub(crate) fn acts(page: &str) -> Vec<Act> {
    let mut acts = Vec::new();
    for (language, lines) in blocks(page) {
        let file = lines.first().and_then(|line| line.strip_prefix("# "));
        match (language, file) {
            ("console", _) => commands(&lines, &mut acts),
            (_, Some(path)) => acts.push(Act::File {
                path: path.to_owned(),
                text: lines.join("\n") + "\n",
            }),
            ("sql", None) => {}
            _ => panic!("a block of `{language}` is neither a console nor a file: {lines:?}"),
        }
    }
    acts
}

fn commands(lines: &[&str], acts: &mut Vec<Act>) {
    let mut continued = false;
    for line in lines {
        match (line.strip_prefix("$ "), acts.last_mut()) {
            (Some(command), _) if !continued => {
                let (text, code) = match command.rsplit_once(" # exits ") {
                    Some((text, code)) => (text.trim_end(), code.parse().unwrap()),
                    None => (command, 0),
                };
                let (text, says) = (text.to_owned(), Vec::new());
                acts.push(Act::Command { text, code, says });
            }
            (None, Some(Act::Command { text, .. })) if continued => {
                text.push('\n');
                text.push_str(line);
            }
            (None, Some(Act::Command { says, .. })) => says.push(line.trim().to_owned()),
            _ => panic!("a console block begins with a command: {line}"),
        }
        continued = line.ends_with('\\');
    }
}
