"""A corpus that is watched: each change to it is in the index a moment later.

    watcher = Watcher("corpus", "index", tell=print)
    watcher.run()                                   # until Ctrl-C, or watcher.stop() in another thread

Events only say when to look; what changed is found by looking. So an event that is lost costs seconds and nothing else,
and how an editor saves makes no difference.

| module | what |
|---|---|
| `sight`   | what lies in a corpus, and on what kind of file system |
| `alarms`  | waiting until something may have changed: for events, or for the clock |
| `settling` | when what changed is whole: files that grow, files that cannot be read yet |
| `watcher` | the loop that looks, waits until it is quiet, builds and reports |
"""

from briefqa.watching.watcher import Built, Trouble, Watcher, WatchEvent, Watching

__all__ = ["Built", "Trouble", "WatchEvent", "Watcher", "Watching"]
