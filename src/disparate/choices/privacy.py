"""Privacy: training by differentially private steps."""

from dataclasses import asdict, dataclass, replace

from disparate.training.config import TrainingConfig
from disparate.training.privacy import PrivateSteps


@dataclass(frozen=True, kw_only=True, slots=True)
class Privacy(PrivateSteps):
    """Train by DP-SGD (abadi2016), whose steps and settings are those of :class:`PrivateSteps`."""

    def configure(self, config: TrainingConfig) -> TrainingConfig:
        """Return the configuration with these steps.

        Args:
            config: How the reference is trained.

        Returns:
            The configuration; unchanged where nothing is clipped, no noise is added and batches are shuffled.

        Raises:
            BadInput: It trains in mixed precision.

        Example:
            >>> Privacy(epsilon=3.0).configure(TrainingConfig()).privacy.max_norm
            1.0
            >>> Privacy(noise_multiplier=0.0, clip=False, sampling="shuffle").configure(TrainingConfig()).privacy
        """
        if not self.clip and self.noise_multiplier == 0 and self.sampling == "shuffle":
            return config
        return replace(config, privacy=PrivateSteps(**asdict(self)))
