"""Find the near-duplicates in a photo collection with DINO features learned on it.

All that a program needs is here: ``Library``, the options of its methods, what they return, and
the errors (``dupfind.errors`` draws their tree). docs/python.md has recipes.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dupfind.acts import (
        Action,
        ActSummary,
        LeftAlone,
        PastRun,
        Plan,
        PlannedRemoval,
        PlanOptions,
    )
    from dupfind.decisions import (
        CameBack,
        Choice,
        DecidedContent,
        Decision,
        GroupDecisions,
        GroupState,
        Imported,
        Removal,
        Verb,
    )
    from dupfind.errors import (
        ActionError,
        CalibrationError,
        CollapseError,
        DecisionError,
        DescriptorError,
        DupfindError,
        EngineError,
        LibraryError,
        LibraryLockedError,
        ModelError,
        PhotoError,
        ReportError,
        SearchError,
        TrainingError,
        TruthError,
    )
    from dupfind.flows.clustering import ClusterSummary
    from dupfind.flows.evaluating import Evaluation
    from dupfind.flows.indexing import IndexSummary
    from dupfind.flows.inspecting import KnownModel
    from dupfind.flows.map import MapSummary
    from dupfind.flows.querying import Match
    from dupfind.flows.shards import describe_shard
    from dupfind.flows.training import EpochMetrics, TrainCallbacks, TrainProgress, TrainSummary
    from dupfind.library import Library
    from dupfind.options import (
        AttentionOptions,
        CalibrateOptions,
        ClusterOptions,
        EngineKind,
        EvaluateOptions,
        IndexKind,
        IndexOptions,
        LabelLayout,
        MapOptions,
        ReportFormat,
        ReportOptions,
        ReviewOptions,
        TrainOptions,
    )
    from dupfind.progress import Step
    from dupfind.records import FileError, Group, JoinFacts, Level, Member, Pair, Photo, Relation

__version__ = "0.1.0"
# Name -> the module that it comes from, which loads when the name is first used: torch and FAISS
# take seconds, and only those who use them pay for it.
_HOMES: dict[str, str] = {
    "Library": "library",
    # The options of its methods.
    "AttentionOptions": "options",
    "CalibrateOptions": "options",
    "ClusterOptions": "options",
    "EngineKind": "options",
    "EvaluateOptions": "options",
    "IndexKind": "options",
    "IndexOptions": "options",
    "LabelLayout": "options",
    "MapOptions": "options",
    "ReportFormat": "options",
    "ReportOptions": "options",
    "ReviewOptions": "options",
    "TrainOptions": "options",
    # What they return and report.
    "ClusterSummary": "flows.clustering",
    "EpochMetrics": "flows.training",
    "Evaluation": "flows.evaluating",
    "Step": "progress",
    "IndexSummary": "flows.indexing",
    "KnownModel": "flows.inspecting",
    "MapSummary": "flows.map",
    "Match": "flows.querying",
    "describe_shard": "flows.shards",
    "TrainCallbacks": "flows.training",
    "TrainProgress": "flows.training",
    "TrainSummary": "flows.training",
    # What is planned, done and undone.
    "Action": "acts",
    "ActSummary": "acts",
    "LeftAlone": "acts",
    "PastRun": "acts",
    "Plan": "acts",
    "PlanOptions": "acts",
    "PlannedRemoval": "acts",
    # What a person decided.
    "CameBack": "decisions",
    "Choice": "decisions",
    "DecidedContent": "decisions",
    "Decision": "decisions",
    "GroupDecisions": "decisions",
    "GroupState": "decisions",
    "Imported": "decisions",
    "Removal": "decisions",
    "Verb": "decisions",
    # What a library holds.
    "FileError": "records",
    "Group": "records",
    "JoinFacts": "records",
    "Level": "records",
    "Member": "records",
    "Pair": "records",
    "Photo": "records",
    "Relation": "records",
    # What goes wrong.
    "ActionError": "errors",
    "CalibrationError": "errors",
    "CollapseError": "errors",
    "DecisionError": "errors",
    "DescriptorError": "errors",
    "DupfindError": "errors",
    "EngineError": "errors",
    "LibraryError": "errors",
    "LibraryLockedError": "errors",
    "ModelError": "errors",
    "PhotoError": "errors",
    "ReportError": "errors",
    "SearchError": "errors",
    "TrainingError": "errors",
    "TruthError": "errors",
}
__all__ = [
    "ActSummary",
    "Action",
    "ActionError",
    "AttentionOptions",
    "CalibrateOptions",
    "CalibrationError",
    "CameBack",
    "Choice",
    "ClusterOptions",
    "ClusterSummary",
    "CollapseError",
    "DecidedContent",
    "Decision",
    "DecisionError",
    "DescriptorError",
    "DupfindError",
    "EngineError",
    "EngineKind",
    "EpochMetrics",
    "EvaluateOptions",
    "Evaluation",
    "FileError",
    "Group",
    "GroupDecisions",
    "GroupState",
    "Imported",
    "IndexKind",
    "IndexOptions",
    "IndexSummary",
    "JoinFacts",
    "KnownModel",
    "LabelLayout",
    "LeftAlone",
    "Level",
    "Library",
    "LibraryError",
    "LibraryLockedError",
    "MapOptions",
    "MapSummary",
    "Match",
    "Member",
    "ModelError",
    "Pair",
    "PastRun",
    "Photo",
    "PhotoError",
    "Plan",
    "PlanOptions",
    "PlannedRemoval",
    "Relation",
    "Removal",
    "ReportError",
    "ReportFormat",
    "ReportOptions",
    "ReviewOptions",
    "SearchError",
    "Step",
    "TrainCallbacks",
    "TrainOptions",
    "TrainProgress",
    "TrainSummary",
    "TrainingError",
    "TruthError",
    "Verb",
    "__version__",
    "describe_shard",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dupfind' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"dupfind.{_HOMES[name]}"), name)
    globals()[name] = value  # the next look finds it without coming here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
