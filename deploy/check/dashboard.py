"""Turns each query of the Grafana dashboard into a rule on standard output, so that promtool reads all of them."""

import json
import sys
from pathlib import Path

dashboard = json.loads((Path(__file__).parent.parent / "monitoring" / "grafana.json").read_text())
assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
known = [query.replace("$__rate_interval", "5m").replace("$instance", ".*") for query in queries]
rules = [{"record": f"dashboard:{number}", "expr": query} for number, query in enumerate(known)]
# JSON is YAML.
json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, sys.stdout)
