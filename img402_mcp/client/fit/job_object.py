"""Windows' way to limit a process: a job object, which the worker enters before it decodes anything."""

import sys

if sys.platform == "win32":
    import win32api
    import win32job

    def enter_job(memory: int) -> None:
        """Limits this process to so many bytes and no child, and a crash opens no window. Raises pywintypes.error."""
        job = win32job.CreateJobObject(None, "")
        kind = win32job.JobObjectExtendedLimitInformation
        limits = win32job.QueryInformationJobObject(job, kind)
        limits["ProcessMemoryLimit"] = memory
        limits["BasicLimitInformation"]["ActiveProcessLimit"] = 1
        limits["BasicLimitInformation"]["LimitFlags"] = (
            win32job.JOB_OBJECT_LIMIT_PROCESS_MEMORY
            | win32job.JOB_OBJECT_LIMIT_ACTIVE_PROCESS
            | win32job.JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION
        )
        win32job.SetInformationJobObject(job, kind, limits)
        win32job.AssignProcessToJobObject(job, win32api.GetCurrentProcess())
