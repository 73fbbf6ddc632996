"""Every error that dupfind raises on purpose, in one tree.

    DupfindError                one to catch them all
    ├── PhotoError              a photo cannot be read
    ├── ModelError              a model cannot be found, fetched or loaded
    ├── DescriptorError         descriptors have the wrong shape, type or origin
    ├── SearchError             a FAISS index cannot be built, read or searched
    ├── LibraryError            the library is missing, damaged, read-only or full
    │   └── LibraryLockedError  another process is writing to it
    ├── TrainingError           training cannot start or go on
    │   └── CollapseError       the features collapsed
    ├── CalibrationError        too little to calibrate on
    ├── DecisionError           a decision makes no sense, or there is none to take back
    ├── TruthError              labels cannot be used for an evaluation
    ├── ActionError             nothing can be planned, applied or undone
    ├── EngineError             work in parts cannot be done, or not all of it
    └── ReportError             a report, figure or page cannot be written

The command line prints ``Error: <message>`` for each and exits with status 1, so a message
says what happened, why, and what to do about it.
"""


class DupfindError(Exception):
    """Base of all errors of dupfind; catch this one to catch them all."""


class PhotoError(DupfindError):
    """One photo cannot be read; the message is the reason, in words a person understands."""


class ModelError(DupfindError):
    """A model cannot be found, fetched or loaded."""


class DescriptorError(DupfindError):
    """Descriptors have the wrong shape, type or origin."""


class SearchError(DupfindError):
    """A FAISS index cannot be built, read or searched."""


class LibraryError(DupfindError):
    """The library folder or its database is missing, damaged, read-only or full."""


class LibraryLockedError(LibraryError):
    """Another process is writing to the library; the message names its process id."""


class TrainingError(DupfindError):
    """Training cannot start or go on."""


class CollapseError(TrainingError):
    """The features collapsed; the message names the kind and what to change."""


class CalibrationError(DupfindError):
    """There is too little to calibrate on, or a calibration does not fit the model."""


class DecisionError(DupfindError):
    """A decision about photos cannot be taken, taken back or read from a file."""


class TruthError(DupfindError):
    """A file of labels cannot be used for an evaluation."""


class ActionError(DupfindError):
    """A plan cannot be made or applied, or there is nothing to undo."""


class EngineError(DupfindError):
    """Work in parts (shards, other machines) cannot be begun, or some of it could not be done."""


class ReportError(DupfindError):
    """A report, figure or page cannot be made or written."""
