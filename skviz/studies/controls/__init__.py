"""Controls: what else could make the attention change when a picture is enlarged.

A control is an ordinary run in which one thing is different: the views, or the network. A suite
is a plain run with its controls; `skviz.controls` makes one.
"""

from __future__ import annotations

from skviz.studies.controls.control import (
    Control as Control,
    parse_control as parse_control,
)
from skviz.studies.controls.suite import ControlSuite as ControlSuite
