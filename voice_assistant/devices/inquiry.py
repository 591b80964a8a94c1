"""Another program, asked: what it prints, within a time. One that hangs is ended, and has said nothing."""

from __future__ import annotations


async def inquire(*command: str, within_s: float) -> str:
    """Run a program and give what it prints; empty where it takes longer.

    Args:
        command: The program and its arguments.
        within_s: Its time; after that it is killed.

    Raises:
        OSError: There is no such program.
    """
    # Here and not above: the other process of ``listing.py`` imports this file, and needs no asyncio.
    import asyncio

    asked = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        told, _ = await asyncio.wait_for(asked.communicate(), within_s)
    except TimeoutError:
        return ""
    finally:
        if asked.returncode is None:
            asked.kill()
            await asked.wait()
    return told.decode(errors="replace")
