// Live pages. Without this file every page works all the same, as it was when loaded.
