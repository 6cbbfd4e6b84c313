"""An application is found as Flask's command finds it, and what keeps it from being found is said in one line."""

import itertools
import sys
from pathlib import Path

import pytest

from pubsubctl.errors import ApplicationError
from pubsubctl.worker.application import load, target

FLASK = "from flask import Flask\n"
BARE = "def {name}(environ, start_response):\n    start_response('200 OK', [])\n    return [b'{name}']\n"

_numbers = itertools.count()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory; what is imported from it is forgotten afterwards."""
    modules = dict(sys.modules)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def answer(app) -> bytes:
    return b"".join(app({}, lambda status, headers: None))


# --- which name -----------------------------------------------------------------------------------------------------


def test_the_name_given_goes_before_everything(folder):
    write(folder / "app.py", "")
    assert target("mine:app", environ={"FLASK_APP": "other"}) == "mine:app"


def test_flask_app_goes_before_the_files_of_the_folder(folder):
    write(folder / "app.py", "")
    assert target(None, environ={"FLASK_APP": "other:create_app('x')"}) == "other:create_app('x')"


def test_app_py_goes_before_wsgi_py(folder):
    write(folder / "wsgi.py", "")
    assert target(None, environ={}) == "wsgi.py"
    write(folder / "app.py", "")
    assert target(None, environ={}) == "app.py"


def test_an_empty_flask_app_names_nothing(folder):
    write(folder / "wsgi.py", "")
    assert target(None, environ={"FLASK_APP": ""}) == "wsgi.py"


def test_no_name_at_all_says_how_to_give_one(folder):
    with pytest.raises(ApplicationError, match=r"no app\.py or wsgi\.py here.*worker start module:app"):
        target(None, environ={})


# --- where it is ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["app", "app:app", "app.py", "app.py:app", "./app.py", "./app", "{folder}/app.py", "{folder}/app.py:app"]
)
def test_a_module_is_named_by_its_name_or_its_file(name, folder):
    write(folder / "app.py", BARE.format(name="app"))
    assert answer(load(name.format(folder=folder))) == b"app"


@pytest.mark.parametrize("name", ["pkg.web", "pkg.web:app", "pkg/web.py", "pkg/web", "pkg/web.py:app"])
def test_a_module_of_a_package_may_import_its_neighbours(name, folder):
    write(folder / "pkg" / "__init__.py", "")
    write(folder / "pkg" / "other.py", BARE.format(name="app"))
    write(folder / "pkg" / "web.py", "from .other import app\n")
    assert answer(load(name)) == b"app"
    assert "pkg.web" in sys.modules


@pytest.mark.parametrize("name", ["pkg", "pkg:app", "pkg/__init__.py", "pkg/__init__.py:app", "pkg/"])
def test_a_package_may_be_the_application(name, folder):
    write(folder / "pkg" / "__init__.py", BARE.format(name="app"))
    assert answer(load(name)) == b"app"
    assert "pkg" in sys.modules


def test_a_file_of_another_folder_finds_its_own_neighbours(folder):
    elsewhere = folder / "elsewhere"
    write(elsewhere / "neighbour_of_app.py", BARE.format(name="app"))
    write(elsewhere / "far_app.py", "from neighbour_of_app import app\n")
    assert answer(load("elsewhere/far_app.py")) == b"app"


def test_a_file_in_a_package_of_another_folder_is_imported_as_part_of_it(folder):
    write(folder / "src" / "far" / "__init__.py", "")
    write(folder / "src" / "far" / "deep" / "__init__.py", "")
    write(folder / "src" / "far" / "deep" / "web.py", BARE.format(name="app"))
    load("src/far/deep/web.py")
    assert "far.deep.web" in sys.modules


# --- what it is called ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BARE.format(name="app") + BARE.format(name="application"), b"app"),
        (BARE.format(name="other") + BARE.format(name="application"), b"application"),
        ("app = 'a name'\n" + BARE.format(name="application"), b"application"),
    ],
)
def test_app_is_looked_for_and_then_application(text, expected, folder):
    write(folder / "guessed.py", text)
    assert answer(load("guessed")) == expected


@pytest.mark.parametrize("factory", ["create_app", "make_app"])
def test_a_factory_of_a_usual_name_is_found_and_called(factory, folder):
    write(folder / "made.py", f"{FLASK}def {factory}():\n    return Flask('from_{factory}')\n")
    assert load("made").import_name == f"from_{factory}"
    assert load(f"made:{factory}").import_name == f"from_{factory}"


def test_the_only_flask_object_is_found_whatever_its_name(folder):
    write(folder / "only.py", FLASK + "site = Flask('site')\n")
    assert load("only").import_name == "site"


def test_of_two_flask_objects_one_has_to_be_named(folder):
    write(folder / "two.py", FLASK + "a = Flask('a')\nb = Flask('b')\n")
    with pytest.raises(ApplicationError, match=r"no app found in 'two'; name it: `two:NAME`"):
        load("two")
    assert load("two:b").import_name == "b"


def test_an_attribute_of_an_attribute_can_be_named(folder):
    write(folder / "nested.py", "class site:\n    class v1:\n        app = staticmethod(lambda e, s: [b'nested'])\n")
    assert answer(load("nested:site.v1.app")) == b"nested"


def test_any_callable_is_an_application(folder):
    write(folder / "obj.py", "class App:\n    def __call__(self, e, s):\n        return [b'object']\nmine = App()\n")
    assert answer(load("obj:mine")) == b"object"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("build()", "()-{}"),
        ("build('a', 2)", "('a', 2)-{}"),
        ("build(b=[1, {'c': None}], d=-1.5)", "()-{'b': [1, {'c': None}], 'd': -1.5}"),
        ("build( 'with:colon' )", "('with:colon',)-{}"),
    ],
)
def test_a_factory_is_called_with_the_literals_given(call, expected, folder):
    write(
        folder / "factory.py",
        "def build(*args, **keywords):\n    said = f'{args}-{keywords}'.encode()\n    return lambda e, s: [said]\n",
    )
    assert answer(load(f"factory:{call}")) == expected.encode()


@pytest.mark.parametrize(
    "parameters", ["", "config=None", "*, debug=False", "config=None, testing=False", "a=1, b=2, c=3"]
)
def test_a_function_that_cannot_be_an_application_is_a_factory_without_its_parentheses(parameters, folder):
    write(folder / "bare.py", f"def build({parameters}):\n    return lambda e, s: [b'built']\n")
    assert answer(load("bare:build")) == b"built"


@pytest.mark.parametrize(
    "parameters", ["environ, start_response", "e, s, more=None", "e, s=None", "*args", "*args, **keywords"]
)
def test_a_function_that_takes_environ_and_start_response_is_the_application(parameters, folder):
    write(folder / "bare.py", f"def site({parameters}):\n    return [b'itself']\n")
    assert answer(load("bare:site")) == b"itself"


# --- what keeps it from being found ---------------------------------------------------------------------------------


def refusal(name: str) -> str:
    with pytest.raises(ApplicationError) as refused:
        load(name)
    text = str(refused.value)
    assert "\n" not in text
    return text


def test_a_missing_module_is_named(folder):
    assert refusal("nowhere:app") == (
        f"the app 'nowhere:app' cannot be imported: there is no module 'nowhere' in {folder} or on the path"
    )
    assert "no module 'nowhere'" in refusal("nowhere.web:app")
    assert "no module 'nowhere'" in refusal("nowhere.py")


def test_a_module_that_the_application_misses_is_told_with_the_line_that_imports_it(folder):
    path = write(folder / "misses.py", "import sys\nimport not_installed_here\n")
    assert refusal("misses") == (
        "the app 'misses' cannot be imported: ModuleNotFoundError: No module named 'not_installed_here' "
        f"({path}, line 2, in <module>: import not_installed_here)"
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(4)", "SystemExit: 4"),
        ("raise ValueError('one\\n  two\\n')", "ValueError: one two"),
        ("raise KeyError", "KeyError"),
        ("e = OSError('told'); e.add_note('and a note'); raise e", "OSError: told"),
        ("from os import no_such_name", "ImportError: cannot import name 'no_such_name' from 'os'"),
    ],
)
def test_an_application_that_fails_to_import_shows_its_own_line(line, why, folder):
    path = write(folder / "fails.py", f"def start():\n    {line}\nstart()\n")
    text = refusal("fails:app")
    assert text.startswith(f"the app 'fails:app' cannot be imported: {why}")
    assert text.endswith(f"({path}, line 2, in start: {line})")


def test_a_syntax_error_shows_where_it_is(folder):
    path = write(folder / "broken.py", "x = 1\ndef app(:\n")
    assert refusal("broken") == f"the app 'broken' cannot be imported: SyntaxError: invalid syntax ({path}, line 2)"


def test_a_factory_that_fails_shows_its_own_line(folder):
    path = write(folder / "fails.py", "def create_app(size):\n    return [] + size\n")
    assert f'TypeError: can only concatenate list (not "int") to list ({path}, line 2' in refusal("fails:create_app(1)")
    assert "missing 1 required positional argument: 'size'" in refusal("fails:create_app()")
    assert "missing 1 required positional argument: 'size'" in refusal("fails")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("plain:nothing", "has no 'nothing'"),
        ("plain:number", "of type int, which cannot be called"),
        ("plain:number.real", "of type int, which cannot be called"),
        ("plain:make()", "of type NoneType, which cannot be called"),
        ("plain:nothing()", "has no 'nothing'"),
        ("plain:make(os)", "must be literals"),
        ("plain:make(*[1])", "must be literals"),
        ("plain:make(**{'a': 1})", "must be literals"),
        ("plain:make(", "neither a name nor a call"),
        ("plain:a b", "neither a name nor a call"),
        ("plain", "no app found in 'plain'"),
        (":app", "Empty module name"),
    ],
)
def test_what_is_no_application_is_refused_with_the_reason(name, why, folder):
    write(folder / "plain.py", "number = 1\ndef make():\n    pass\n")
    assert why in refusal(name)
