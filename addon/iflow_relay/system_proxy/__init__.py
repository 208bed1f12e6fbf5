"""The system's proxy settings: set to a relay's PAC address, and put back exactly as they were.

`switch` turns them on and off, `snapshot` keeps what was there before, `state` looks at them now;
`gnome`, `kde`, `macos` and `windows` each know how one desktop keeps its settings.
"""
