"""The embedded stack's own key to its API, for the commands that read products over REST.

It is in STACK_DIR, which is its owner's alone, beside the credentials of the store: whoever reads
it there can read the tables themselves too. This module imports nothing of the API, which the
images on Java do not have.
"""

from malha.settings import Settings


def headers(settings: Settings) -> dict[str, str]:
    """What a request to the API is sent with; nothing where this stack has no key of its own."""
    text = settings.api_key
    if not text:
        try:
            text = settings.demo_key_path.read_text().strip()
        except FileNotFoundError:
            return {}
    return {"Authorization": f"Bearer {text}"}


def curl(url: str, settings: Settings) -> str:
    """A command line that reads a URL of the API with the key."""
    if not settings.demo_key_path.exists():
        return f"curl {url}"
    return f'curl -H "Authorization: Bearer $(cat {settings.demo_key_path})" {url}'
