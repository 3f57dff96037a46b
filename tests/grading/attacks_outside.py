"""Attacks on what is outside: files, processes, the network, the system; see ``attack``."""

from __future__ import annotations

import os

from attack import Attack, attempts, inside, quiet

_IN_EACH_FILE = """
for place in ('@OUTSIDE@', '@CLASS@', '@OUT@'):
    for path in [place, *glob.glob(place + '/**', recursive=True), place + '/secret.txt']:
        for act in (ACTS):
            try: act(path)
            except Exception: pass
"""

OUTSIDE: dict[str, Attack] = {
    "C05 read the solutions and the exercises": attempts(
        "open('@PACKAGE@/solutions/tensors/linear_algebra.py').read()",
        "open('@PACKAGE@/exercises/tensors/linear_algebra.py').read()",
        "import kcourse.solutions.tensors.linear_algebra",
        "import kcourse.exercises.tensors.linear_algebra",
        "import importlib.resources as r\n"
        "r.files('kcourse').joinpath('solutions/tensors/linear_algebra.py').read_text()",
        "open(glob.glob('@PACKAGE@/solutions/**/*.pyc', recursive=True)[0], 'rb').read()",
        "os.link('@PACKAGE@/solutions/tensors/linear_algebra.py', 'mine'); open('mine').read()",
        "os.symlink('@PACKAGE@/solutions', 'there')\n"
        "open('there/tensors/linear_algebra.py').read()",
        "os.chdir('@PACKAGE@/solutions/tensors'); open('linear_algebra.py').read()",
        "os.rename('@PACKAGE@/solutions/tensors/linear_algebra.py', 'mine')",
    ),
    "C05 read the history of the source": attempts(
        "os.listdir('@SOURCE@/.git')",
        "open('@SOURCE@/.git/HEAD').read()",
        "open(glob.glob('@SOURCE@/.git/objects/**/*', recursive=True)[0], 'rb').read()",
    ),
    "C05 read what others handed in, and somebody's files": attempts(
        "os.listdir('@CLASS@')",
        "open('@CLASS@/honest/homework.ipynb').read()",
        "open('@OUTSIDE@/secret.txt').read()",
        "os.listdir('@OUTSIDE@')",
        "open('/etc/passwd').read()",
        "os.listdir('/')",
        "os.listdir(os.path.expanduser('~/..'))",
        "import numpy as np\nnp.memmap('@OUTSIDE@/secret.txt', mode='r')",
        "np.fromfile('@OUTSIDE@/secret.txt', np.uint8)",
        "get_ipython().run_line_magic('load', '@OUTSIDE@/missing.py')",
        "open('/proc/self/root@OUTSIDE@/secret.txt').read()",
        "open('/proc/self/cwd/../../secret.txt').read()",
        "os.stat('x'); open('/proc/self/fd/0/../../secret.txt')",
    ),
    "C06 change reports and submissions, also by links": attempts(
        "open('@OUT@/report.json', 'w').write('{}')",
        "open('@OUT@/.kcourse/run.json', 'a').write(' ')",
        "os.mkdir('@OUT@/feedback')",
        "os.symlink('/dev/null', '@OUT@/report.json')",
        "os.symlink('@OUT@', 'out'); open('out/grades.csv', 'w').write('x')",
        "os.symlink('@CLASS@/honest', 'h'); open('h/homework.ipynb', 'w').write('')",
        "os.link('@CLASS@/honest/homework.ipynb', 'linked'); open('linked', 'w').write('')",
        "os.rename('@CLASS@/honest', '@CLASS@/gone')",
        "os.replace('own.ipynb', '@CLASS@/honest/homework.ipynb')",
        "os.remove('@CLASS@/honest/homework.ipynb')",
        "import shutil\nshutil.move('@CLASS@/honest/homework.ipynb', 'taken.ipynb')",
        "os.truncate('@CLASS@/honest/homework.ipynb', 0)",
        "get_ipython().run_cell_magic('writefile', '@OUT@/report.json', 'x')\n"
        "open('@OUT@/report.json')",
        "open('@PACKAGE@/grading/worker.py', 'a').write(' ')",
        "open(os.__file__, 'a').write(' ')",
        "Path(os.__file__).with_name('sitecustomize.py').write_text('1/0')",
    ),
    "C16 look for tokens and other processes": attempts(
        "{name: os.environ[name] for name in ('GITHUB_OUTPUT', 'SECRET_TOKEN')}",
        "open(f'/proc/{os.getppid()}/environ').read()",
        "open(f'/proc/{os.getppid()}/maps').read()",
        "open(f'/proc/{os.getppid()}/mem', 'rb').read(1)",
        "os.listdir(f'/proc/{os.getppid()}/fd')",
        "os.readlink(f'/proc/{os.getppid()}/exe')",
        "os.readlink(f'/proc/{os.getppid()}/cwd')",
        "os.listdir('/proc')",
        "open('/proc/1/environ').read()",
        "open('/proc/1/cmdline').read()",
        "assert 'token' in open('/proc/self/environ').read().lower()",
        "open('/dev/tty')",
        "open('/dev/mem')",
        "open('/proc/sys/kernel/core_pattern', 'w')",
        "open('/proc/self/oom_score_adj', 'w').write('-1000')",
    ),
    "C24 leave processes behind": attempts(
        "os.fork()",
        "os.forkpty()",
        "subprocess.Popen(['sleep', '600'])",
        "subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])",
        "os.posix_spawn('/bin/sleep', ['sleep', '600'], {})",
        "os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(600)'])",
        "import multiprocessing as m\nm.get_context('spawn').Process(target=print).start()",
        "m.get_context('forkserver').Process(target=print).start()",
        "system(libc.daemon(0, 0))",
        "import pty\npty.spawn('/bin/sh')",
        "os.setsid()",
        "os.setpgid(0, 0)",
        "get_ipython().system_raw('sleep 600 &')\n"
        "if get_ipython().user_ns.get('_exit_code') != 0: raise OSError",
        "os.system('true') == 0 or (_ for _ in ()).throw(OSError())",
    ),
    "C24 leave threads behind": quiet(
        "def forever():\n"
        "    while True:\n"
        "        try: open('@OUTSIDE@/late', 'w').close()\n"
        "        except OSError: time.sleep(0.01)\n"
        "for _ in range(5): threading.Thread(target=forever).start()"
    ),
    "C27 ask the system directly": attempts(
        "system(libc.ptrace(16, os.getppid(), 0, 0))",
        "system(libc.unshare(0x10000000))",
        "system(libc.setns(0, 0))",
        "system(libc.mount(b'none', b'.', b'tmpfs', 0, None))",
        "system(libc.chroot(b'.'))",
        "system(libc.syscall(425, 4, 0))  # io_uring_setup",
        "system(libc.syscall(434, os.getppid(), 0))  # pidfd_open",
        "system(libc.syscall(438, 0, 0, 0))  # pidfd_getfd",
        "system(libc.syscall(428, -100, b'.', 1))  # open_tree",
        "system(libc.syscall(440, 0, 0, 0, 0, 0))  # process_madvise",
        "system(libc.syscall(437, -100, b'@OUTSIDE@/secret.txt', bytes(24), 24))  # openat2",
        "system(libc.memfd_create(b'x', 0))",
        "system(libc.shmget(0, 4096, 0o1600))",
        "system(libc.msgget(0, 0o1600))",
        "system(libc.semget(0, 1, 0o1600))",
        "system(libc.inotify_init1(0))",
        "system(libc.fanotify_init(0, 0))",
        "system(libc.personality(0x0400000))",
        "system(libc.process_vm_readv(os.getppid(), None, 0, None, 0, 0))",
        "system(libc.open_by_handle_at(-100, bytes(128), 0))",
        "system(libc.name_to_handle_at(-100, b'.', bytes(128), bytes(8), 0))",
        "system(libc.mknod(b'disk', 0o060666, 0x0100))",
        "system(libc.prctl(4, 0, 0, 0, 0))  # PR_SET_DUMPABLE",
        "system(libc.prctl(36, 1, 0, 0, 0))  # PR_SET_CHILD_SUBREAPER",
        "system(libc.sethostname(b'x', 1))",
        "os.setuid(0)" if os.geteuid() == 0 else "os.setuid(1)",
        "os.setgroups([0])",
        "system(libc.acct(None))",
    ),
    "R05 a fork bomb": inside(
        "while True:\n    os.fork()", says="PermissionError: [Errno 1] Operation not permitted"
    ),
    "R06 three thousand threads": inside(
        "for _ in range(3000):\n    threading.Thread(target=time.sleep, args=(600,)).start()",
        ("raised", "out of memory", "wrong"),
    ),
    "R13 signals to others": attempts(
        "os.kill(os.getppid(), 0)",
        "os.kill(os.getppid(), signal.SIGKILL)",
        "os.kill(os.getppid(), signal.SIGSTOP)",
        "os.killpg(os.getpgid(os.getppid()), 9)",
        "os.kill(-1, signal.SIGKILL)",
        "os.kill(0, 0)",
        "os.kill(1, 0)",
        "signal.pidfd_send_signal(0, 9)",
        "system(libc.tgkill(os.getppid(), os.getppid(), 9))",
        "system(libc.sigqueue(os.getppid(), 9, 0))",
        "fcntl.fcntl(1, fcntl.F_SETOWN, os.getppid())",
        "fcntl.fcntl(1, 10, 9)  # F_SETSIG",
        "fcntl.ioctl(1, 0x8901, os.getppid().to_bytes(4, 'little'))  # FIOSETOWN",
        "fcntl.ioctl(0, 0x5412, b'x')  # TIOCSTI",
    ),
    "R12 sockets and names": attempts(
        "socket.create_connection(('127.0.0.1', 22), timeout=2)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "socket.socket(socket.AF_INET6)",
        "socket.socket(socket.AF_UNIX)",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "socket.socket(socket.AF_VSOCK)",
        "socket.getaddrinfo('example.org', 80)",
        "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
        "import urllib.request\nurllib.request.urlopen('http://127.0.0.1/', timeout=2)",
        "import keras\nkeras.utils.get_file('x.txt', 'http://127.0.0.1/x.txt')",
        "import asyncio\nasyncio.run(asyncio.open_connection('127.0.0.1', 22))",
    ),
    "R12 a data set from the network": inside(
        "import keras\nkeras.datasets.mnist.load_data()", says="kcourse.datasets"
    ),
    "own: modes, owners and times of files": quiet(
        _IN_EACH_FILE.replace(
            "ACTS",
            "lambda p: os.chmod(p, 0), lambda p: os.chown(p, 1, 1), lambda p: os.utime(p, (0, 0)),"
            "lambda p: os.setxattr(p, 'user.x', b'x'), lambda p: os.lchown(p, 1, 1),"
            "lambda p: libc.fchmodat(-100, p.encode(), 0, 0),"
            "lambda p: os.chmod(os.open(p, 0x200000), 0)",
        )
    ),
    "own: truncate, rename, link and remove files": quiet(
        _IN_EACH_FILE.replace(
            "ACTS",
            "lambda p: os.truncate(p, 0), lambda p: os.rename(p, p + 'x'), lambda p: os.unlink(p),"
            "lambda p: os.link(p, 'linked'), lambda p: os.symlink('x', p + 'x'),"
            "lambda p: os.rename('mine', p), lambda p: os.mkdir(p + '/new'), lambda p: os.rmdir(p),"
            "lambda p: os.open(p, os.O_WRONLY | os.O_TRUNC), lambda p: os.mkfifo(p + 'fifo'),"
            "lambda p: os.open(p, os.O_TMPFILE | os.O_RDWR), lambda p: open(p + 'new', 'w')",
        )
    ),
    "own: priorities and limits of others": attempts(
        "import resource\nresource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))",
        "resource.prlimit(1, resource.RLIMIT_NOFILE)",
        "os.sched_setaffinity(os.getppid(), {0})",
        "os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)",
        "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))",
        "os.nice(-5)",
        "resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)",
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 40, 1 << 40))",
    ),
    "own: TensorFlow's own files": attempts(
        "import tensorflow as tf\ntf.io.read_file('@OUTSIDE@/secret.txt')",
        "tf.io.write_file('@OUTSIDE@/written', 'x')",
        "list(tf.data.TextLineDataset('@OUTSIDE@/secret.txt'))",
        "list(tf.data.FixedLengthRecordDataset('@OUTSIDE@/secret.txt', 4))",
        "tf.io.gfile.copy('@OUTSIDE@/secret.txt', '@OUTSIDE@/copied')",
        "tf.io.gfile.copy('@OUTSIDE@/secret.txt', 'copied')",
        "tf.io.gfile.rename('@OUTSIDE@/secret.txt', '@OUTSIDE@/renamed')",
        "tf.io.gfile.rmtree('@OUTSIDE@/folder')",
        "tf.io.gfile.makedirs('@OUTSIDE@/made/deep')",
        "tf.io.gfile.listdir('@OUTSIDE@')",
        "tf.io.matching_files('@OUTSIDE@/*')[0]",
        "tf.function(lambda: tf.io.read_file('@OUTSIDE@/secret.txt'))()",
        "tf.py_function(lambda: open('@OUTSIDE@/secret.txt').read(), [], tf.string)",
        "tf.raw_ops.SaveV2(prefix='@OUTSIDE@/saved', tensor_names=['x'],"
        " shape_and_slices=[''], tensors=[tf.ones(1)])",
        "tf.saved_model.save(tf.Module(), '@OUTSIDE@/model')",
        "tf.load_op_library('@OUTSIDE@/library.so')",
    ),
    "own: TensorFlow's servers": inside(
        "tf.distribute.Server.create_local_server(start=True)",
        ("raised", "crashed"),
    ),
    "own: magics that write and run files": attempts(
        "get_ipython().run_line_magic('run', '@OUTSIDE@/script.py')\nopen('ran')",
        "get_ipython().run_line_magic('save', '-f @OUTSIDE@/saved 1')\nopen('@OUTSIDE@/saved.py')",
        "get_ipython().run_line_magic('logstart', '@OUTSIDE@/log')\nopen('@OUTSIDE@/log')",
        "get_ipython().run_line_magic('cd', '@OUTSIDE@')\nopen('secret.txt')",
        "get_ipython().run_line_magic('store', 'done >@OUTSIDE@/stored')\nopen('@OUTSIDE@/stored')",
    ),
    "own: the folders of other workers and of the server": attempts(
        "os.listdir('..')",
        "os.listdir(os.path.dirname(os.getcwd()))",
        "open('../log').read()",
        "open('../written', 'w')",
        "open('../workers.socket')",
        "os.rename(os.getcwd(), os.getcwd() + 'x')",
        "os.rmdir(os.getcwd())",
        "socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect('../workers.socket')",
    ),
    "own: a, leave something for the next": quiet(
        "for place in ('~', '~/.keras', '~/.config/matplotlib', '/tmp', '/var/tmp', '/dev/shm',"
        " os.environ['TMPDIR'], sys.prefix, '/proc/self/cwd/..'):\n"
        "    try:\n"
        "        os.makedirs(os.path.expanduser(place), exist_ok=True)\n"
        "        open(os.path.expanduser(place) + '/@MARK@', 'w').write('x')\n"
        "    except OSError: pass\n"
        "os.environ['KCOURSE_GRADING'] = os.environ['KCOURSE_WARM'] = '0'"
    ),
    "own: b, find what another left": inside(
        "found = [place for place in ('~', '~/.keras', '~/.config/matplotlib', '/tmp', '/var/tmp',"
        " '/dev/shm', os.environ['TMPDIR'], sys.prefix, '..')\n"
        "         if os.path.lexists(os.path.expanduser(place) + '/@MARK@')]\n"
        "raise ValueError(f'found: {found}, {os.environ[\"KCOURSE_GRADING\"]}')",
        says="found: [], 1",
    ),
}

if os.uname().machine == "x86_64":
    OUTSIDE["C27 32-bit system calls"] = quiet(
        "page = mmap.mmap(-1, 4096, prot=7)\n"
        "page.write(bytes.fromhex('b814000000cd80c3'))  # mov eax, 20; int 0x80; ret\n"
        "address = ctypes.addressof(ctypes.c_char.from_buffer(page))\n"
        "ctypes.CFUNCTYPE(ctypes.c_int)(address)()",
        ("forbidden", "crashed"),
    )
    OUTSIDE["C27 system calls in the x32 style"] = quiet(
        "libc.syscall(0x40000000 | 39)", ("forbidden",)
    )
