"""YAML as files hold it, written by libyaml where PyYAML was built with it: in a tenth
of the time."""

from __future__ import annotations

import yaml

_DUMPER = yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper


def dump_yaml(data: object) -> str:
    """The text of some data."""
    text: str = yaml.dump(data, Dumper=_DUMPER)
    return text
