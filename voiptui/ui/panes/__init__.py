"""The five panes, each a filter line over one grid."""
