"""Finding a WSGI application the way that Flask's own command finds one, and any other WSGI callable too.

``module:name``, ``module:factory()``, ``package.module``, ``path/to/file.py``, ``path/to/file.py:name``. Without a
name: ``app``, ``application``, then the only Flask object in the module, then ``create_app`` or ``make_app``.
"""

import ast
import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from pubsubctl.errors import ApplicationError

WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_INSTANCES = ("app", "application")
_FACTORIES = ("create_app", "make_app")
_DEFAULT_FILES = ("app.py", "wsgi.py")


def target(app: str | None, *, environ: Mapping[str, str] | None = None, folder: Path | None = None) -> str:
    """What to load: ``app`` if given, else FLASK_APP, else app.py or wsgi.py in the folder.

    Raises:
        ApplicationError: there is none of them.
    """
    chosen = app or (os.environ if environ is None else environ).get("FLASK_APP")
    if chosen:
        return chosen
    for name in _DEFAULT_FILES:
        if ((folder or Path.cwd()) / name).is_file():
            return name
    raise ApplicationError(
        "no app named, and no app.py or wsgi.py here; say which: `pubsubctl worker start module:app`"
    )


def load(name: str) -> WSGIApplication:
    """Import the application called ``name``.

    Raises:
        ApplicationError: it cannot be imported (the text has the line of the traceback that says why), or what was
            found is no WSGI application.
    """
    module_name, _, attribute = name.partition(":")
    module = _import(_on_path(module_name), name)
    found = _named(module, attribute, name) if attribute else _guessed(module, name)
    if not callable(found):
        raise ApplicationError(
            f"{name!r} is no WSGI application: it is of type {type(found).__name__}, which cannot be called"
        )
    return found  # type: ignore[no-any-return]


def _on_path(module_name: str) -> str:
    """The module's importable name; a file's folder (above all its packages) is put on the path."""
    path = Path(module_name)
    if path.suffix != ".py" and os.sep not in module_name:
        if str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        return module_name
    file = path.resolve()
    file = file.with_suffix("") if file.suffix == ".py" else file
    parts = [] if file.name == "__init__" else [file.name]
    folder = file.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return ".".join(parts)


def _import(module_name: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(error.name + ".")):
            raise ApplicationError(
                f"the app {name!r} cannot be imported: there is no module {error.name!r} in {Path.cwd()} or on the path"
            ) from error
        raise _failure(name, error) from error
    except (Exception, SystemExit) as error:
        raise _failure(name, error) from error


def _failure(name: str, error: BaseException) -> ApplicationError:
    return ApplicationError(f"the app {name!r} cannot be imported: {describe(error)}")


def describe(error: BaseException) -> str:
    """An exception and the line of the application that raised it, in one line."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__}: {error.msg} ({error.filename}, line {error.lineno})"
    text = _one_line(error)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    own = [frame for frame in frames if frame.filename != __file__]
    if not own:
        return text
    return f"{text} ({own[-1].filename}, line {own[-1].lineno}, in {own[-1].name}: {own[-1].line})"


def _one_line(error: BaseException) -> str:
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _named(module: ModuleType, attribute: str, name: str) -> Any:
    try:
        expression = ast.parse(attribute, mode="eval").body
    except SyntaxError as error:
        raise ApplicationError(f"{attribute!r} in {name!r} is neither a name nor a call of a factory") from error
    if isinstance(expression, ast.Call) and isinstance(expression.func, ast.Name):
        return _call(_attribute(module, expression.func.id, name), expression, name)
    found: Any = module
    for part in attribute.split("."):
        found = _attribute(found, part, name)
    # As with Flask's command, a factory may be named without its parentheses.
    return _made(found, name) if inspect.isfunction(found) and _is_factory(found, attribute) else found


def _is_factory(function: Any, attribute: str) -> bool:
    """Whether a function makes an application, rather than being one.

    A factory cannot be called with two arguments, or would take them for options: all its parameters have defaults.
    """
    if attribute in _FACTORIES:
        return True
    signature = inspect.signature(function)
    try:
        signature.bind({}, None)
    except TypeError:
        return True
    return all(parameter.default is not parameter.empty for parameter in signature.parameters.values())


def _attribute(owner: Any, attribute: str, name: str) -> Any:
    try:
        return getattr(owner, attribute)
    except AttributeError as error:
        raise ApplicationError(f"the app {name!r} cannot be found: {owner!r} has no {attribute!r}") from error


def _call(factory: Any, call: ast.Call, name: str) -> Any:
    try:
        if any(keyword.arg is None for keyword in call.keywords):
            raise ValueError("**")
        arguments = [ast.literal_eval(argument) for argument in call.args]
        keywords = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg}
    except ValueError as error:
        raise ApplicationError(f"the arguments in {name!r} must be literals, such as 1 or 'text'") from error
    return _made(factory, name, *arguments, **keywords)


def _made(factory: Any, name: str, *arguments: Any, **keywords: Any) -> Any:
    try:
        return factory(*arguments, **keywords)
    except (Exception, SystemExit) as error:
        raise _failure(name, error) from error


def _guessed(module: ModuleType, name: str) -> Any:
    for attribute in _INSTANCES:
        if callable(found := getattr(module, attribute, None)):
            return found
    if len(instances := _flask_objects(module)) == 1:
        return instances[0]
    for attribute in _FACTORIES:
        if inspect.isfunction(factory := getattr(module, attribute, None)):
            return _made(factory, name)
    raise ApplicationError(f"no app found in {name!r}; name it: `{name}:NAME`, or `{name}:FACTORY()`")


def _flask_objects(module: ModuleType) -> list[Any]:
    flask = sys.modules.get("flask")
    if flask is None:
        return []
    return [value for value in vars(module).values() if isinstance(value, flask.Flask)]
