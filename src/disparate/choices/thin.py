"""Thin: fewer training examples of one group."""

from dataclasses import asdict, dataclass, replace

from disparate.training.config import TrainingConfig
from disparate.training.thinning import Thinning


@dataclass(frozen=True, kw_only=True, slots=True)
class Thin(Thinning):
    """Train on a share of one group's examples and on all others, with the settings of :class:`Thinning`."""

    def configure(self, config: TrainingConfig) -> TrainingConfig:
        """Return the configuration with the group thinned.

        Args:
            config: How the reference is trained.

        Returns:
            The configuration; unchanged where everybody is kept.

        Example:
            >>> Thin(by="digit", group="8", keep=0.1).configure(TrainingConfig()).thinned
            (Thinning(by='digit', group='8', keep=0.1, seed=0),)
        """
        if self.keep == 1:
            return config
        return replace(config, thinned=(*config.thinned, Thinning(**asdict(self))))
