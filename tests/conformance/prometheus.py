"""Reads, with other people's readers, what Usher has for Prometheus, and says as JSON what it read.

text             the text format on standard input, by Prometheus's own reader for Python: each metric by the name that it
                 has there, its kind, and its samples
expressions F..  the expressions in files of rules (YAML) and in dashboards (JSON): where each stands, and which metrics it
                 asks for, with which labels
yaml F           a file as it stands

What can't be read ends it, and names it.
"""

import json
import sys

import promql_parser
import yaml
from prometheus_client.parser import text_string_to_metric_families


def text():
    families = {}
    for family in text_string_to_metric_families(sys.stdin.read()):
        # The reader takes off what makes a counter's name one.
        name = family.name + ("_total" if family.type == "counter" else "")
        if name in families:
            sys.exit(f"{name} stands there twice")
        samples = [{"name": it.name, "labels": it.labels, "value": it.value} for it in family.samples]
        families[name] = {"kind": family.type, "help": family.documentation, "samples": samples}
    return families


def expressions(files):
    return [asked(where, expression) for file in files for where, expression in in_file(file)]


def in_file(file):
    with open(file) as opened:
        document = yaml.safe_load(opened)
    if "groups" in document:
        rules = [rule for group in document["groups"] for rule in group["rules"]]
        return [(rule["alert"], rule["expr"]) for rule in rules]
    panels = [(panel["title"], target) for panel in document["panels"] for target in panel["targets"]]
    # What the dashboard puts in at its own time.
    return [(title, target["expr"].replace("$__rate_interval", "5m")) for title, target in panels]


def asked(where, expression):
    metrics = []

    def look(node):
        if isinstance(node, promql_parser.VectorSelector):
            labels = [matcher.name for matcher in node.matchers.matchers]
            metrics.append({"name": node.name, "labels": labels})

    try:
        promql_parser.walk(promql_parser.parse(expression), look, lambda node: None)
    except ValueError as wrong:
        sys.exit(f"{where}: {wrong}")
    return {"where": where, "expression": expression, "metrics": metrics}


def whole(file):
    with open(file) as opened:
        return yaml.safe_load(opened)


what, files = sys.argv[1], sys.argv[2:]
read = {"text": text, "expressions": lambda: expressions(files), "yaml": lambda: whole(files[0])}
print(json.dumps(read[what]()))
