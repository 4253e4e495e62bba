//! What is found, and what stays.

use super::*;

fn usual() -> Redactor {
    Redactor::new(&[], true).unwrap().unwrap()
}

fn text(redactor: &Redactor, text: &str) -> String {
    let mut text = Text::from(text);
    redactor.text(&mut text);
    text.into()
}

fn argument(redactor: &Redactor, argument: &str) -> String {
    let mut argument = Text::from(argument);
    redactor.argument(&mut argument);
    argument.into()
}

fn command(redactor: &Redactor, words: &[&str]) -> Vec<String> {
    let mut words: Vec<Text> = words.iter().map(|word| Text::from(*word)).collect();
    redactor.command(&mut words);
    words.into_iter().map(Into::into).collect()
}

/// Each has the secret `hunter2`, with the result.
const TEXTS: &[(&str, &str)] = &[
    ("PASSWORD=hunter2 make", "PASSWORD=REDACTED make"),
    ("db_pass=hunter2", "db_pass=REDACTED"),
    ("MYSQL_PWD=hunter2 mysql", "MYSQL_PWD=REDACTED mysql"),
    ("GITHUB_TOKEN='hunter2 and more' gh", "GITHUB_TOKEN=REDACTED gh"),
    (r#"AWS_SECRET=\"hunter2 \\\" more\" aws"#, "AWS_SECRET=REDACTED aws"),
    ("SIGNING_KEY=hunter2;ls", "SIGNING_KEY=REDACTED;ls"),
    (r"TOKEN=\303\244hunter2\303 x", "TOKEN=REDACTED x"),
    ("tool --password=hunter2 --verbose", "tool --password=REDACTED --verbose"),
    ("tool --api-key hunter2 --verbose", "tool --api-key REDACTED --verbose"),
    (r"read\0--token\0hunter2\0x", r"read\0--token\0REDACTED\0x"),
    (r#"{\"password\": \"hunter2\", \"user\": \"me\"}"#, r#"{\"password\": REDACTED, \"user\": \"me\"}"#),
    (
        r#"curl -d \"{\\\"password\\\":\\\"hunter2\\\",\\\"user\\\":\\\"me\\\"}\""#,
        r#"curl -d \"{\\\"password\\\":REDACTED,\\\"user\\\":\\\"me\\\"}\""#,
    ),
    ("run(['/bin/tool', '--api-key', 'hunter2', 'x'])", "run(['/bin/tool', '--api-key', REDACTED, 'x'])"),
    ("openssl enc -k hunter2 -in x -keyform PEM", "openssl enc -k REDACTED -in x -keyform PEM"),
    ("password: hunter2", "password: REDACTED"),
    ("Authorization: Bearer hunter2", "Authorization: Bearer REDACTED"),
    ("authorization: basic hunter2==", "authorization: basic REDACTED"),
    ("Authorization: hunter2", "Authorization: REDACTED"),
    (
        r"GET / HTTP/1.1\r\nAuthorization: Digest a=b, c=hunter2\r\nHost: x",
        r"GET / HTTP/1.1\r\nAuthorization: Digest REDACTED\r\nHost: x",
    ),
    (r"GET\r\nCookie: a=hunter2\r\nX: y", r"GET\r\nCookie: REDACTED\r\nX: y"),
    (r"x\nPASS=hunter2\ny", r"x\nPASS=REDACTED\ny"),
    ("machine x login me password hunter2", "machine x login me password REDACTED"),
    ("X-Api-Key: hunter2", "X-Api-Key: REDACTED"),
    ("Cookie: a=b; session=hunter2", "Cookie: REDACTED"),
    ("curl -H 'Authorization: Bearer hunter2' http://x", "curl -H 'Authorization: Bearer REDACTED' http://x"),
    ("https://me:hunter2@host/path", "https://me:REDACTED@host/path"),
    ("postgres://me:p@hunter2@host/path", "postgres://me:REDACTED@host/path"),
    ("https://h/?a=1&access_token=hunter2&b=2", "https://h/?a=1&access_token=REDACTED&b=2"),
    ("https://h/?sig=hunter2#end", "https://h/?sig=REDACTED#end"),
    ("https://h/?X-Amz-Signature=hunter2", "https://h/?X-Amz-Signature=REDACTED"),
    ("https://h/?key=hunter2", "https://h/?key=REDACTED"),
    ("mysql -phunter2 -u root", "mysql -pREDACTED -u root"),
    (
        "cd /; sudo /usr/bin/mysqldump -u root -phunter2 db | gzip",
        "cd /; sudo /usr/bin/mysqldump -u root -pREDACTED db | gzip",
    ),
    ("curl -u me:hunter2 http://x", "curl -u me:REDACTED http://x"),
    ("sh -c 'curl -u me:hunter2 http://x'", "sh -c 'curl -u me:REDACTED http://x'"),
    ("sshpass -p hunter2 ssh host", "sshpass -p REDACTED ssh host"),
    ("curl -su me:hunter2 http://x", "curl -su me:REDACTED http://x"),
    (r"mysql\000-phunter2\0005", r"mysql\000-pREDACTED\0005"),
    ("AccountKey=hunter2==;x", "AccountKey=REDACTED;x"),
    ("https://hooks.slack.com/services/T0/B0/hunter2", "https://hooks.slack.com/services/REDACTED"),
    ("openssl -passin pass:hunter2", "openssl -passin pass:REDACTED"),
    (r"-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA", r"-----BEGIN RSA PRIVATE KEY-----REDACTED-----END RSA"),
];

#[test]
fn the_usual_secrets_are_found() {
    let redactor = usual();
    for (given, expected) in TEXTS {
        assert_eq!(text(&redactor, given), *expected);
        // And as an argument.
        assert_eq!(argument(&redactor, &format!("\"{given}\"")), format!("\"{expected}\""));
    }
}

#[test]
fn tokens_of_well_known_shapes_are_found_wherever_they_stand_and_when_cut() {
    let redactor = usual();
    for token in [
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "github_pat_11ABC_xyz123456",
        "glpat-abc-defghij",
        "AKIAIOSFODNN7EXAMPLE",
        "xoxb-123456-abcdef",
        "sk-proj-abcdefghijklmnop1234",
        "sk_live_abcdefgh",
        "AIzaSyA-1234567890abcdefg",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N",
    ] {
        assert_eq!(text(&redactor, token), "REDACTED");
        assert_eq!(argument(&redactor, &format!("\"/x/{token}\"...")), "\"/x/REDACTED\"...");
    }
    assert_eq!(argument(&redactor, r#""x\neyJhbGciOiJIUzI1NiJ9.e\n""#), r#""x\nREDACTED\n""#);
    assert_eq!(argument(&redactor, "\"ghp_abcdef\"..."), "\"REDACTED\"...");
    assert_eq!(argument(&redactor, "[\"curl\", \"https://me:hunt\"...]"), "[\"curl\", \"https://me:REDACTED\"...]");
    assert_eq!(argument(&redactor, "\"x sk-pr\"..."), "\"x REDACTED\"...");
    assert_eq!(argument(&redactor, "\"x eyJhbGciOiJ\"..."), "\"x REDACTED\"...");
}

#[test]
fn a_commands_words_tell_about_each_other() {
    let redactor = usual();
    for (given, expected) in [
        (&["tool", "--password", "a b;c"][..], &["tool", "--password", "REDACTED"][..]),
        (&["tool", "--password=a b;c"], &["tool", "--password=REDACTED"]),
        (&["tool", "--db-token", "-x"], &["tool", "--db-token", "REDACTED"]),
        (&["tool", "--password", "--user", "me"], &["tool", "--password", "--user", "me"]),
        (&["env", "PGPASSWORD=a;b", "psql"], &["env", "PGPASSWORD=REDACTED", "psql"]),
        (&["docker", "run", "-e", "DB_PASSWORD=a b"], &["docker", "run", "-e", "DB_PASSWORD=REDACTED"]),
        (&["ssh-keygen", "-N", "a b", "-f", "x"], &["ssh-keygen", "-N", "REDACTED", "-f", "x"]),
        (&["/bin/mysql", "-psecret", "-P3306", "db"], &["/bin/mysql", "-pREDACTED", "-P3306", "db"]),
        (&["mysql", "-p", "db"], &["mysql", "-p", "db"]),
        (&["curl", "-u", "me:secret", "x"], &["curl", "-u", "me:REDACTED", "x"]),
        (&["docker", "login", "-u", "me", "-p", "secret"], &["docker", "login", "-u", "me", "-p", "REDACTED"]),
        (&["docker", "run", "-p", "80:80", "x"], &["docker", "run", "-p", "80:80", "x"]),
        (&["sh", "-c", "TOKEN=secret make -j"], &["sh", "-c", "TOKEN=REDACTED make -j"]),
        (&["ssh", "host", "mysql -psecret db"], &["ssh", "host", "mysql -pREDACTED db"]),
    ] {
        assert_eq!(command(&redactor, given), expected);
        let render = |words: &[&str]| {
            format!("[{}]", words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", "))
        };
        assert_eq!(argument(&redactor, &render(given)), render(expected));
    }
}

#[test]
fn what_is_no_secret_stays() {
    let redactor = usual();
    for kept in [
        "/etc/passwd",
        "/run/secrets/token",
        "/usr/share/zoneinfo/Asia/Tokyo",
        "--password-file /run/secret",
        "PWD=/home/me",
        "OLDPWD=/home/me",
        "SECRET_FILE=/run/x",
        "http://localhost:8080/path@x",
        "ssh://git@github.com/a/b",
        "monkey=1",
        "mkdir -p /tmp/mysql",
        "risk-management-of-the-disk-controller",
        "HEAD: token, password and secret",
        "bypass=1",
    ] {
        assert_eq!(text(&redactor, kept), kept);
        assert_eq!(argument(&redactor, &format!("\"{kept}\"")), format!("\"{kept}\""));
    }
    for kept in ["{token=5, secret=7000000}", "O_RDONLY|O_CLOEXEC", "0x7ffe5b3a2c10"] {
        assert_eq!(argument(&redactor, kept), kept, "no text of the program");
    }
}

#[test]
fn the_users_expressions_replace_their_group_or_all() {
    let redactor =
        Redactor::new(&["session=([0-9]+)".into(), "al+ice".into(), "x(y)?z".into()], false).unwrap().unwrap();
    assert_eq!(text(&redactor, "session=123 session=4"), "session=REDACTED session=REDACTED");
    assert_eq!(text(&redactor, "/home/alice"), "/home/REDACTED");
    assert_eq!(text(&redactor, "xz xyz"), "REDACTED xREDACTEDz");
    assert_eq!(argument(&redactor, "0xalice"), "0xREDACTED");
    assert_eq!(text(&redactor, "PASSWORD=x"), "PASSWORD=x");
    assert!(Redactor::new(&[], false).unwrap().is_none());
}

#[test]
fn a_change_is_told_once_and_only_if_there_is_one() {
    let redactor = usual();
    let mut given = Text::from("PASSWORD=hunter2");
    assert!(redactor.text(&mut given) && !redactor.text(&mut given));
    assert_eq!(given, "PASSWORD=REDACTED");
    let mut words = ["mysql", "-px", "--token", "y", "z"].map(Text::from);
    assert_eq!(redactor.command(&mut words), 2);
}

#[test]
fn a_wrong_expression_is_told_with_its_place() {
    let message = |pattern: &str| Redactor::new(&[pattern.into()], true).unwrap_err().to_string();
    assert!(
        message("a(b").contains("--redact a(b: ") && message("a(b").contains("unclosed group"),
        "{}",
        message("a(b")
    );
    assert!(message("x*").contains("matches where there is nothing"));
}

#[test]
fn noise_is_no_trouble() {
    let redactor = usual();
    let parts = [
        "\\",
        "\"",
        "'",
        "[\"",
        "\", \"",
        " ",
        "--password",
        "=",
        "mysql",
        " -p",
        "é",
        "://",
        ":",
        "@",
        "?token=",
        "curl -u ",
        "\\0",
        "Bearer ",
        "eyJ",
        "x",
        "(",
        ";",
    ];
    let mut number = 1u64;
    for _ in 0..1_500 {
        let mut noise = String::new();
        for _ in 0..12 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            noise.push_str(parts[(number >> 33) as usize % parts.len()]);
        }
        text(&redactor, &noise);
        argument(&redactor, &noise);
        command(&redactor, &noise.split('x').collect::<Vec<_>>());
    }
}
