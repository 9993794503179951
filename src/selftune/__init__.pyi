from selftune.app.python_api import ProjectFolder as ProjectFolder
from selftune.app.python_api import open_folder as open  # noqa: A004 - as gzip.open is called
from selftune.errors import NotYet as NotYet
from selftune.errors import SelftuneError as SelftuneError
from selftune.records import Decision as Decision
from selftune.records import Release as Release

__version__: str

__all__ = ["Decision", "NotYet", "ProjectFolder", "Release", "SelftuneError", "__version__", "open"]
