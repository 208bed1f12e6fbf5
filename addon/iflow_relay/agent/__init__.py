"""The agents behind the models `iflow` and `iflow/NAME`: programs that speak ACP on stdio."""
