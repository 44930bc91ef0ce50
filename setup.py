"""Ships the model cards of models/ inside the wheel as bayes_scaling/cards (all else is in pyproject.toml)."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithCards(build_py):
    """Copy models/*.toml beside the package's modules."""

    def run(self):
        super().run()
        if self.editable_mode:  # a checkout reads models/ itself
            return
        target = Path(self.build_lib) / "bayes_scaling" / "cards"
        target.mkdir(parents=True, exist_ok=True)
        for card in sorted(Path("models").glob("*.toml")):
            self.copy_file(str(card), str(target / card.name))


setup(cmdclass={"build_py": BuildWithCards})
