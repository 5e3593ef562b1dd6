"""A second opinion on JSON Schemas, by the `jsonschema` package. On standard input `{"schemas": {name: schema}, "instances":
[[name, instance], ...]}`; every schema is checked against the metaschema of draft-07. On standard output, for each instance, the
paths of what its schema finds wrong."""
import json
import sys

from jsonschema import Draft7Validator

given = json.load(sys.stdin)
validators = {}
for name, schema in given["schemas"].items():
    assert schema["$schema"] == Draft7Validator.META_SCHEMA["$schema"], name
    Draft7Validator.check_schema(schema)
    validators[name] = Draft7Validator(schema)
json.dump(
    [
        sorted(f"{'/'.join(str(step) for step in fault.absolute_path)}: {fault.message}" for fault in validators[name].iter_errors(instance))
        for name, instance in given["instances"]
    ],
    sys.stdout,
)
