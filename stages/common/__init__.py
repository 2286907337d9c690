"""The library under the stages. It never imports a stage and holds no global state."""
