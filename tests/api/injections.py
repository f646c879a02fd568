"""Texts that try to be more than a value: SQL of three engines, templates, paths, odd characters."""
# ruff: noqa: E501, RUF001

_TAILS = (
    *(" or 1=1", " or '1'='1", " or 1=1--", " or 1=1#", " or 1=1/*", " or true", " and 1=0"),
    *("; select 1", "; drop table ouro.cliente_pedido", "; drop table x; --", " --", "/*", "*/"),
    *(" union select 1", " union all select null, null, null, null", " limit 0", " order by 9"),
)
_OPENINGS = ("'", '"', "`", "\\'", '\\"', "''", "1'", "1)", "')", '")', "'))", "%27", "\\\\'", "$$")

_SQL = (
    # Spark and Hive
    *("${env:HOME}", "${env:AWS_SECRET_ACCESS_KEY}", "${system:java.version}", "${hiveconf:x}"),
    *(
        "${hivevar:x}",
        "${spark.master}",
        "$${env:HOME}",
        "\\${env:HOME}",
        "#{env:HOME}",
        "${env:PATH}",
    ),
    *("set spark.sql.variable.substitute=true", "set -v", "add jar /etc/passwd", "list jars"),
    *("reflect('java.lang.System','getenv')", "java_method('java.lang.System', 'getenv', 'HOME')"),
    *("' || reflect('java.lang.System','getenv') || '", "select * from text.`/etc/passwd`"),
    *("' union select * from csv.`/etc/passwd` --", "from_json(x)", "transform(a) using 'sh'"),
    *(
        "select transform('x') using 'cat /etc/passwd' as x",
        "create function f as 'x' using jar 'y'",
    ),
    *("show tables", "describe extended ouro.cliente_pedido", "cache table x", "reset", "!sh ls"),
    *(
        "insert overwrite directory '/tmp/x' select 1",
        "load data local inpath '/etc/passwd' into x",
    ),
    *(
        "lateral view explode(array(1))",
        "date'2026-01-31'",
        "x'41'",
        "X'27'",
        "r'\\'",
        "b'1'",
        "1L",
    ),
    *("timestamp'now'", "interval 1 day", "cast(1 as int)", "current_user()", "version as of 1"),
    *(
        "raise_error('x')",
        "assert_true(false)",
        "java.lang.Runtime",
        "ouro.cliente_pedido.snapshots",
    ),
    *("call system.rollback_to_snapshot('x', 1)", "identifier('x')", ":name", "?", "{{ x }}", ":1"),
    # DuckDB
    *("read_csv('/etc/passwd')", "read_text('/etc/passwd')", "' union select * from glob('*') --"),
    *("from 'x.parquet'", "copy (select 1) to '/tmp/x'", "attach '/tmp/x' as y", "install httpfs"),
    *("load httpfs", "pragma database_list", "getenv('HOME')", "' || getenv('HOME') || '", "$1"),
    *(
        "$tag$ x $tag$",
        "duckdb_settings()",
        "select * from duckdb_secrets()",
        "export database 'x'",
    ),
    *("e'\\x27'", "E'\\''", "columns(*)", "* exclude (nome)", "set threads=1", "checkpoint", "@x"),
    # Of others, which scanners try
    *(
        "sleep(5)",
        "benchmark(1000000, md5(1))",
        "pg_sleep(5)",
        "waitfor delay '0:0:5'",
        "xp_cmdshell",
    ),
    *("load_file('/etc/passwd')", "into outfile '/tmp/x'", "@@version", "utl_http.request('x')"),
    *(
        "extractvalue(1, concat(0x7e, version()))",
        "char(39)",
        "chr(39)||chr(39)",
        "0x27",
        "like '%'",
    ),
    *("a' and (select count(*) from ouro.cliente_pedido) > 0 and 'a'='a", "exists(select 1)"),
    *("case when 1=1 then 1 else 1/0 end", "1/0", "1; shutdown", "having 1=1", "group by 1"),
)

_TEMPLATES = (
    *(
        "{{7*7}}",
        "${7*7}",
        "#{7*7}",
        "<%= 7*7 %>",
        "{{config}}",
        "{% import os %}",
        "%(x)s",
        "%s%s%s",
    ),
    *(
        "{0}",
        "{}",
        "{x.__class__}",
        "{{''.__class__.__mro__}}",
        "%n%n%n",
        "${jndi:ldap://x/y}",
        "$(id)",
    ),
    *("`id`", "|id", "; id", "&& id", "|| id", "$(cat /etc/passwd)", "\nid\n", "__import__('os')"),
    *(
        "<script>alert(1)</script>",
        "<!--#exec cmd='id'-->",
        "javascript:alert(1)",
        "<?php ?>",
        "]]>",
    ),
    *("<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>", "*)(uid=*", "=cmd|' /C calc'!A0"),
    *(
        '{"$gt": ""}',
        '{"$where": "1"}',
        "[$ne]",
        "__proto__",
        "constructor",
        "x\r\nSet-Cookie: a=b",
    ),
    *("\r\n\r\nHTTP/1.1 200 OK", "%0d%0aX: y", "http://127.0.0.1/", "file:///etc/passwd", "//x"),
)

_PATHS = (
    *(
        "../",
        "../../etc/passwd",
        "..\\..\\x",
        "/etc/passwd",
        "....//....//etc/passwd",
        "~",
        "~/.ssh",
    ),
    *(
        "%2e%2e%2f",
        "..%2f..%2f",
        "%252e%252e%252f",
        "..%c0%af",
        "/proc/self/environ",
        "C:\\x",
        "\\\\x\\y",
    ),
    *(
        "s3a://lake/warehouse",
        "file:/etc/passwd",
        ".",
        "..",
        "...",
        "/",
        "//",
        "\\",
        "x/../y",
        "./x",
    ),
)

_NUMBERS = (
    *(
        "0",
        "-0",
        "+0",
        "00",
        "-1",
        "1.0",
        "1.",
        ".1",
        "1e0",
        "1e1000",
        "1E-1000",
        "-1e1000",
        "1e",
        "e1",
    ),
    *("9" * 19, "9" * 20, "9" * 38, "9" * 39, "9" * 400, "-" + "9" * 400, "0." + "1" * 400),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "2147483648", "256"),
    *(
        "NaN",
        "nan",
        "-nan",
        "inf",
        "-inf",
        "Infinity",
        "+Infinity",
        "1e309",
        "0x1p1",
        "1_000",
        "1,000",
    ),
    *(
        "１",
        "١",
        "²",
        "½",
        "Ⅷ",
        "1 000",
        "1d",
        "1f",
        "1L",
        "0b1",
        "0o7",
        "--1",
        "1-1",
        "1+1",
        "1*1",
    ),
    *(
        "null",
        "NULL",
        "None",
        "nil",
        "undefined",
        "true",
        "false",
        "TRUE",
        "yes",
        "on",
        "t",
        "default",
    ),
)

_CHARACTERS = (
    *("\x00", "a\x00b", "\x01", "\x08", "\t", "\n", "\r", "\x0b", "\x0c", "\x1a", "\x1b[31m", "\x7f"),
    *("\x80", "\x85", "\xa0", "\xad", "\u200b", "\u200d", "\u202e", "\u2028", "\u2029", "\ufeff", "\ufffd"),
    *("\uffff", "\ue000", "\U0010ffff", "😀", "👩‍👩‍👧‍👦", "e\u0301", "é", "\u0301", "ﬁ", "ß", "İ", "ı"),
    *("‘", "’", "“", "”", "′", "＇", "＂", "ʼ", "ʹ", "`", "´", "‵", "՚", "‛", "«", "﹐", "；", "﹔", "；--"),
    *("сliente", "nоme", "ｓｅｌｅｃｔ", "ＯＲ　1=1", "−1", "–", "—", "⁄", "∕", "＼", "％", "＿", "ＮＵＬＬ"),
    *("''", '""', "``", "'''", "''''", "\\", "\\\\", "\\\\\\", "\\'", "\\''", "'\\", "\\n", "\\u0027", "\\x27"),
    *("\\047", "&#39;", "&apos;", "%", "%%", "_", "%_%", "\\%", "\\_", "\\\\%", "[a]", "^", "*", "?", "#"),
    *(";", "--", "-- ", "---", "/*", "*/", "/**/", "/*!*/", "/*+ x */", "//", "{", "}", "(", ")", "()", "[", "]"),
    *("x" * 1000, "'" * 1000, "\\" * 999, "(" * 1000, "%" * 500, "é" * 1000, "😀" * 500, "x" * 1001),
    *("", " ", "  ", " x", "x ", "\t'", "' '", ",", ",,", "a,b", "a,'", "',b", "-", "--x", ".", "..x", "x.y"),
)  # fmt: skip

INJECTIONS = tuple(
    dict.fromkeys(
        (
            *(f"{opening}{tail}" for opening in _OPENINGS for tail in _TAILS),
            *_SQL,
            *_TEMPLATES,
            *_PATHS,
            *_NUMBERS,
            *_CHARACTERS,
        )
    )
)
"""Each once."""
