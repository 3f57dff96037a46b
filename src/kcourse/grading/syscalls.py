"""The system calls that an answer may make, with their numbers on x86-64 and on aarch64.

Each entry is ``name number number``; ``-`` where a machine has no such call. The numbers are those
of Linux (``asm/unistd_64.h`` and ``asm-generic/unistd.h``) and never change.
"""

from __future__ import annotations

#: Columns of the tables, by what ``os.uname().machine`` says.
MACHINES = ("x86_64", "aarch64")

#: Files: Landlock says which. Special files (mknod), handles and notifications are left out.
FILES = """
open 2 -; openat 257 56; creat 85 -; close 3 57; close_range 436 436; read 0 63; readv 19 65;
pread64 17 67; preadv 295 69; preadv2 327 286; write 1 64; writev 20 66; pwrite64 18 68;
pwritev 296 70; pwritev2 328 287; lseek 8 62; dup 32 23; dup2 33 -; dup3 292 24; pipe 22 -;
pipe2 293 59; stat 4 -; fstat 5 80; lstat 6 -; newfstatat 262 79; statx 332 291; statfs 137 43;
fstatfs 138 44; access 21 -; faccessat 269 48; faccessat2 439 439; readlink 89 -;
readlinkat 267 78; getdents 78 -; getdents64 217 61; getcwd 79 17; chdir 80 49; fchdir 81 50;
umask 95 166; mkdir 83 -; mkdirat 258 34; rmdir 84 -; unlink 87 -; unlinkat 263 35; rename 82 -;
renameat 264 38; renameat2 316 276; link 86 -; linkat 265 37; symlink 88 -; symlinkat 266 36;
truncate 76 45; ftruncate 77 46; fallocate 285 47; fadvise64 221 223; readahead 187 213;
flock 73 32; fsync 74 82; fdatasync 75 83; sync_file_range 277 84; sendfile 40 71;
copy_file_range 326 285; getxattr 191 8; lgetxattr 192 9; fgetxattr 193 10; listxattr 194 11;
llistxattr 195 12; flistxattr 196 13
"""

#: Memory: the address-space limit says how much. Shared memory (memfd, shm) is left out.
MEMORY = """
brk 12 214; mmap 9 222; munmap 11 215; mprotect 10 226; mremap 25 216; msync 26 227;
mincore 27 232; madvise 28 233; mlock 149 228; mlock2 325 284; munlock 150 229;
get_mempolicy 239 236; membarrier 324 283
"""

#: Threads, and the end of the process.
THREADS = """
futex 202 98; futex_waitv 449 449; set_robust_list 273 99; get_robust_list 274 100;
set_tid_address 218 96; rseq 334 293; exit 60 93; exit_group 231 94; gettid 186 178;
sched_yield 24 124; sched_getaffinity 204 123; sched_getparam 143 121;
sched_getscheduler 145 120; sched_getattr 315 275; sched_get_priority_max 146 125;
sched_get_priority_min 147 126; sched_rr_get_interval 148 127; getcpu 309 168; arch_prctl 158 -
"""

#: Waiting.
WAITING = """
poll 7 -; ppoll 271 73; select 23 -; pselect6 270 72; epoll_create 213 -; epoll_create1 291 20;
epoll_ctl 233 21; epoll_wait 232 -; epoll_pwait 281 22; epoll_pwait2 441 441; eventfd 284 -;
eventfd2 290 19; timerfd_create 283 85; timerfd_settime 286 86; timerfd_gettime 287 87;
signalfd 282 -; signalfd4 289 74; nanosleep 35 101; clock_nanosleep 230 115; pause 34 -;
restart_syscall 219 128; wait4 61 260; waitid 247 95
"""

#: What asyncio does with the pair of sockets that wakes it up. Messages (sendmsg) are left out:
#: open files can travel in them, and be hidden from the count of what fills the disk.
PAIR = """
sendto 44 206; recvfrom 45 207; shutdown 48 210;
getsockname 51 204; getpeername 52 205; getsockopt 55 209; setsockopt 54 208
"""

#: Signals and timers of this process.
SIGNALS = """
rt_sigaction 13 134; rt_sigprocmask 14 135; rt_sigreturn 15 139; rt_sigpending 127 136;
rt_sigsuspend 130 133; rt_sigtimedwait 128 137; sigaltstack 131 132; alarm 37 -;
setitimer 38 103; getitimer 36 102; timer_create 222 107; timer_settime 223 110;
timer_gettime 224 108; timer_getoverrun 225 109; timer_delete 226 111
"""

#: Facts about this process and the time.
FACTS = """
getpid 39 172; getppid 110 173; getpgrp 111 -; getpgid 121 155; getsid 124 156; getuid 102 174;
geteuid 107 175; getgid 104 176; getegid 108 177; getresuid 118 148; getresgid 120 150;
getgroups 115 158; capget 125 90; getpriority 140 141; getrlimit 97 163; setrlimit 160 164;
getrusage 98 165; times 100 153; sysinfo 99 179; uname 63 160; time 201 -; gettimeofday 96 169;
clock_gettime 228 113; clock_getres 229 114; getrandom 318 278
"""

#: Modes, owners and attributes of files. Landlock has no say in them, and a user's files are
#: the user's: without this, an answer could lock the instructor out of every file. Copying a file
#: (shutil) asks for these and must not fail, so they are said to be done, and are not.
PRETENDED = """
chmod 90 -; fchmod 91 52; fchmodat 268 53; fchmodat2 452 452; chown 92 -; fchown 93 55;
lchown 94 -; fchownat 260 54; setxattr 188 5; lsetxattr 189 6; fsetxattr 190 7;
removexattr 197 14; lremovexattr 198 15; fremovexattr 199 16
"""

#: Allowed with certain arguments only: see ``seccomp``.
CONDITIONAL = """
clone 56 220; clone3 435 435; kill 62 129; tgkill 234 131; fcntl 72 25; ioctl 16 29;
prctl 157 167; utimensat 280 88; prlimit64 302 261; socketpair 53 199
"""

#: What is allowed whatever its arguments are.
ALLOWED = ";".join((FILES, MEMORY, THREADS, WAITING, PAIR, SIGNALS, FACTS))


def numbers(table: str, machine: str) -> dict[str, int]:
    """Return the numbers of a table's system calls on a machine, by name."""
    column = 1 + MACHINES.index(machine)
    entries = (entry.split() for entry in table.split(";"))
    return {entry[0]: int(entry[column]) for entry in entries if entry[column] != "-"}
