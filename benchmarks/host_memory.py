"""What the host's process takes of memory above idle while 16 uploads of 5 MB run. On Linux."""

from benchmarks.loading import multipart, posting
from benchmarks.measuring import MB, picture, show, verdict
from benchmarks.servers import empty_folder, host, memory

SIZE, TOGETHER, SECONDS = 5, 16, 8
GOAL = 64.0  # MB


def main() -> None:
    with empty_folder() as folder:
        small, large = folder / "small", folder / "large"
        small.write_bytes(multipart(picture(1000)))
        large.write_bytes(multipart(picture(SIZE * MB)))
        with host(folder / "data", IMG402_HOST_FREE_MAX_BYTES=str((SIZE + 1) * MB)) as server:
            posting(server.url, small, 1)  # so that all code is loaded and the threads are there
            idle = memory(server.pid, "VmRSS")
            load = posting(server.url, large, SECONDS, TOGETHER)
            above = memory(server.pid, "VmHWM") - idle
    label = f"{TOGETHER} uploads of {SIZE} MB at once, {load.rate:.0f} a second"
    rows = [(label, f"{idle:.0f}", f"{above:.0f}", f"< {GOAL:.0f}", verdict(above, GOAL))]
    show("Memory of the host, in MB", ("", "idle", "above idle", "goal", ""), rows)


if __name__ == "__main__":
    main()
