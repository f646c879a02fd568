"""The command line of the API: `python -m api`, or `malha-api`; make calls it."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import msgspec
import typer
from rich.table import Table

from api import key_changes
from api.errors import KeysFileError
from api.key_file import StoredKey, read
from api.key_times import moment, span
from malha.console import Console, run_app, say_warning
from malha.errors import ManifestError
from malha.manifest import Manifest
from malha.scopes import checked
from malha.settings import Settings, load

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="The API's keys. `python -m api` without arguments serves the API.",
)
keys = typer.Typer(no_args_is_help=True, help="Who has a key to the API, and what it opens.")
app.add_typer(keys, name="keys")
console = Console(highlight=False, soft_wrap=True)

_CREATE_EXAMPLES = """
[bold]Examples[/bold]

  malha-api keys create ana --scope 'domain:vendas' --scope pii --expires 90d

  malha-api keys create painel --scope 'product:cliente_pedido' --rate 60

  malha-api keys create admin --scope '*' --quiet > admin.key
"""

_LIST_EXAMPLES = """
[bold]Examples[/bold]

  malha-api keys list

  malha-api keys list --json
"""

_ROTATE_EXAMPLES = """
[bold]Examples[/bold]

  malha-api keys rotate k3x9q2m7ab                  the old key works for a day more

  malha-api keys rotate k3x9q2m7ab --overlap 0m     and here, no more
"""

_Read = TypeVar("_Read")

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print the key alone.")]


@app.callback()
def main() -> None:
    """The API's keys. `python -m api` without arguments serves the API."""


def _usage(parse: Callable[[str], _Read], text: str, option: str) -> _Read:
    """What an option says; if it says nothing usable, the command line is wrong."""
    try:
        return parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


@keys.command(epilog=_CREATE_EXAMPLES)
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is.")],
    scope: Annotated[
        list[str],
        typer.Option(
            help="[bold]*[/bold] for all products, [bold]domain:<group>[/bold], "
            "[bold]product:<name>[/bold], or what a mask or a row filter asks for, such as "
            "[bold]pii[/bold]. As often as needed."
        ),
    ],
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN", help="90d, 24h, or a day such as 2026-12-31; never by default."
        ),
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option(min=0, help="Requests a minute; API_RATE_LIMIT by default, 0 for no limit."),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Make a key and print it, once: only its hash is kept.

    A running API knows it within a second.
    """
    settings = load()
    if not name.strip() or not name.isprintable():
        raise typer.BadParameter("it is empty, or cannot be printed", param_hint="NAME")
    for one in scope:
        _usage(checked, one, "--scope")
    _check_known(scope, settings)
    now = datetime.now(UTC).replace(microsecond=0)
    until = _usage(lambda text: moment(text, now), expires, "--expires") if expires else None
    scopes = tuple(dict.fromkeys(scope))
    key, text = key_changes.create(settings.keys_path, name, scopes, until, rate, now)
    _show_once(key, text, settings, quiet)


@keys.command("list", epilog=_LIST_EXAMPLES)
def list_keys(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """List the keys: id, name, scopes, rate, when made, when over, and their state."""
    now = datetime.now(UTC)
    found = read(load().keys_path).values()
    if as_json:
        shown = []
        for key in found:
            fields = msgspec.to_builtins(key)
            del fields["hash"]
            shown.append(fields | {"state": key.state(now)})
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(shown)).decode() + "\n")
        return
    table = Table("id", "name", "scopes", "rate", "created (UTC)", "expires (UTC)", "state")
    table.columns[0].no_wrap = True
    for key in found:
        rate = "" if key.rate is None else str(key.rate) if key.rate else "none"
        expires = _minute(key.expires) if key.expires else "never"
        state = key.state(now)
        shown_state = state if state == "active" else f"[dim]{state}[/]"
        table.add_row(
            key.id,
            _plain(key.name),
            " ".join(key.scopes),
            rate,
            _minute(key.created),
            expires,
            shown_state,
        )
    console.print(table)


@keys.command()
def revoke(identity: IdArgument) -> None:
    """Let a key in no more. A running API refuses it within a second."""
    key = key_changes.revoke(load().keys_path, identity)
    console.print(f"the key {key.id} ({_plain(key.name)}) is revoked")


@keys.command(epilog=_ROTATE_EXAMPLES)
def rotate(
    identity: IdArgument,
    overlap: Annotated[
        str, typer.Option(metavar="SPAN", help="For how long the old key works beside the new one.")
    ] = "24h",
    quiet: QuietOption = False,
) -> None:
    """Make a key with the same name and scopes; the old one expires after an overlap."""
    settings = load()
    beside: timedelta = _usage(span, overlap, "--overlap")
    old, new, text = key_changes.rotate(settings.keys_path, identity, beside)
    _show_once(new, text, settings, quiet)
    if not quiet and old.expires:
        console.print(f"the key {old.id} works until {_minute(old.expires)} UTC")


def _check_known(scopes: list[str], settings: Settings) -> None:
    """See that the products and domains are there, as far as a manifest tells.

    Raises:
        KeysFileError: one is not.
    """
    if not settings.manifest_path.exists():
        return
    try:
        manifest = Manifest(settings.manifest_path)
    except ManifestError as error:
        say_warning(f"scopes are not compared with the products: {error}")
        return
    for scope in scopes:
        if problem := key_changes.unknown_scope(scope, manifest):
            raise KeysFileError(f"--scope {scope}: {problem}")
        if note := key_changes.unused_scope(scope, manifest):
            say_warning(f"--scope {scope}: {note}")


def _show_once(key: StoredKey, text: str, settings: Settings, quiet: bool) -> None:
    if quiet:
        sys.stdout.write(text + "\n")
        return
    until = f", until {_minute(key.expires)} UTC" if key.expires else ""
    console.print(
        f"key {key.id} for {_plain(key.name)}, with {' '.join(key.scopes)}{until}; "
        "keep it now, it is not shown again:"
    )
    console.print(text, markup=False)
    console.print(f'curl -H "Authorization: Bearer {text}" {settings.api_url}/api', markup=False)


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def _plain(text: str) -> str:
    """A name as it is, whatever it has that looks like markup."""
    return text.replace("[", "\\[")


def run() -> None:
    """Run the command line; what the user can act on is a message, never a stack trace."""
    run_app(app)
