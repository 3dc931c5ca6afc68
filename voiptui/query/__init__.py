"""The filter language: grammar, tree, operators, matching, planning, completion, description in words."""
