"""The first key to the embedded stack's API, made when there is none."""

from api.key_file import changing, new_key
from malha.scopes import ALL
from malha.settings import Settings
from stack.storage import write_private

NAME = "demo"


def ensure(settings: Settings) -> str | None:
    """Make a key to all products where there is no file of keys; return its text if so.

    A file outside STACK_DIR is its owner's: nothing is put in there.

    Raises:
        KeysFileError: the file cannot be written.
    """
    path = settings.keys_path
    if path.exists() or not path.is_relative_to(settings.stack_dir):
        return None
    key, text = new_key(NAME, (ALL,))
    settings.demo_key_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Before the key is stored: one whose text nobody has would be of no use to anybody.
    write_private(settings.demo_key_path, f"{text}\n")
    with changing(path) as keys:
        keys[key.id] = key
    return text
