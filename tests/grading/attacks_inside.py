"""Attacks on the grader by what a worker sends back, and on the machine by what it takes."""

from __future__ import annotations

from attack import Attack, attempts, inside, quiet

_WORKER = """
import gc
from kcourse.grading import wire, worker
me = next(one for one in gc.get_objects() if type(one) is worker.Worker)

def send(text, buffers=b'', lengths=None):
    sizes = lengths or (len(text), len(buffers))
    me._replies.write(wire.HEADER.pack(b'KCF1', *sizes) + text + buffers)
    me._replies.flush()
"""

INSIDE: dict[str, Attack] = {
    "C02 and C04 a shell, builtins and libraries replaced": quiet(
        "import builtins, json, numpy as np\n"
        'json.dumps = lambda *a, **k: \'{"status": "correct"}\'\n'
        "np.allclose = np.array_equal = lambda *a, **k: True",
        ("wrong", "crashed", "raised"),
    ),
    "C10 a payload in what comes back": inside(
        "class Payload:\n"
        "    def __reduce__(self): return os.system, ('touch @OUTSIDE@/executed',)\n"
        "return Payload()",
        ("wrong",),
        "Payload",
    ),
    "C10 an array of objects with a payload": inside(
        "class Payload:\n"
        "    def __reduce__(self): return os.system, ('touch @OUTSIDE@/executed',)\n"
        "return np.array([Payload()] * 3)",
        ("wrong",),
    ),
    "C07 the end, with a claim": quiet(
        "print('::set-output name=score::100'); open('report.json', 'w').write('{}'); os._exit(0)",
        ("crashed",),
    ),
    "R08 a file of 100 GB": inside(
        "with open('large', 'wb') as file:\n    file.truncate(100 << 30)", says="OSError"
    ),
    "R08 a file that is written without end": inside(
        "with open('large', 'wb') as file:\n    while True: file.write(bytes(1 << 20))",
        says="File too large",
    ),
    "R08 many files of the largest size": inside(
        "for number in range(10**6):\n"
        "    with open(f'{number}', 'wb') as file: file.write(os.urandom(60 << 20))",
        ("crashed",),
        "more than 512 MiB",
    ),
    "R08 a million small files": inside(
        "for number in range(10**6): open(f'{number}', 'w').close()",
        ("crashed", "timed out"),
    ),
    "own: files without a name fill the disk": inside(
        "kept = []\n"
        "for number in range(40):\n"
        "    kept.append(open('x', 'wb')); kept[-1].write(bytes(60 << 20)); os.unlink('x')\n"
        "time.sleep(60)",
        ("crashed",),
        "more than 512 MiB",
    ),
    "own: files that only a mapping holds fill the disk": inside(
        "import mmap\n"
        "libc.mmap.restype = ctypes.c_void_p\n"
        "for number in range(16):\n"
        "    with open('x', 'w+b') as file:\n"
        "        file.write(bytes(60 << 20)); file.flush()\n"
        "        libc.mmap(None, ctypes.c_size_t(4096), 1, 1, file.fileno(), ctypes.c_long(0))\n"
        "    os.unlink('x')\n"
        "time.sleep(60)",
        ("crashed",),
        "MiB",
    ),
    "own: files in flight in a socket fill the disk": attempts(
        "one, other = socket.socketpair()\nsocket.send_fds(one, [b'x'], [1])"
    ),
    "own: sparse files": quiet(
        "for number in range(200):\n    with open(f'{number}', 'wb') as f: f.truncate(64 << 20)"
    ),
    "own: folders 30 000 deep, in one that nobody may enter": quiet(
        "os.mkdir('shut', 0)\nos.mkdir('deep'); os.chdir('deep')\n"
        "for _ in range(30_000):\n    os.mkdir('d'); os.chdir('d')",
        ("wrong", "crashed"),
    ),
    "own: links in the folder": quiet(
        "os.symlink('/', 'root'); os.symlink('.', 'loop'); os.symlink('@OUTSIDE@', 'outside')"
    ),
    "own: a gigabyte of output on both streams": inside(
        "block = b'o' * (1 << 20)\n"
        "for _ in range(500): os.write(1, block); os.write(2, block)\n"
        "raise ValueError('written')",
        says="ValueError: written",
    ),
    "own: the worker stops itself": quiet("os.kill(os.getpid(), signal.SIGSTOP)", ("timed out",)),
    "own: the pipes are closed": quiet("os.closerange(0, 256)", ("crashed",)),
    "own: the pipes are exchanged": inside(
        "for one in range(3, 64):\n    try: os.dup2(1, one)\n    except OSError: pass",
        ("crashed", "timed out"),
    ),
    "own: a frame that announces 2**60 bytes": quiet(
        _WORKER + "send(b'', lengths=(1 << 30, 1 << 60)); time.sleep(60)", ("crashed",)
    ),
    "own: a frame that says it is the next reply, too": inside(
        _WORKER + "for n in range(60):\n"
        '    send(b\'{"id": %d, "status": "returned", "error": "", "value": 1}\' % n)',
        ("crashed",),
    ),
    "own: a reply whose number is an array": quiet(
        _WORKER + 'send(b\'{"id": ["array", "int8", [2]]}\', b\'12\'); time.sleep(60)', ("crashed",)
    ),
    "own: a reply whose status is an array": inside(
        _WORKER + "real = me._send\n"
        "me._send = lambda reply: real({**reply, 'status': np.arange(2)})",
        ("crashed",),
    ),
    "own: an array of no bytes and 2**78 rows": quiet(
        _WORKER + "shape = b'[67108864, 67108864, 67108864, 0]'\n"
        'send(b\'{"id": ["array", "int8", \' + shape + b\']}\'); time.sleep(60)',
        ("crashed",),
    ),
    "own: JSON nested 100 000 deep": quiet(
        _WORKER + "send(b'[' * 100_000); time.sleep(60)", ("crashed",)
    ),
    "own: words of megabytes in each reply": inside(
        _WORKER + "real = me._send\n"
        "def once(reply):\n    me._send = real\n"
        "    real({**reply, 'status': 'raised', 'error': 'E' * 4_000_000})\n"
        "me._send = once",
        says="EEEE",
    ),
    "own: half of a reply": inside(
        _WORKER + "send(b'{', lengths=(100, 0)); time.sleep(60)", ("timed out",)
    ),
    "own: a billion elements": inside("return np.broadcast_to(np.int8(1), (10**9,))", ("wrong",)),
    "own: strange arrays": inside(
        "return [np.zeros((0, 3)), np.ones(4)[::-2], np.array(np.nan), np.zeros((1,) * 32),"
        " np.frombuffer(b'\\x02\\xff', np.bool_), np.array('x'), np.zeros(2, 'M8[s]'),"
        " np.zeros(2, [('a', 'i4')]), np.ma.masked_array([1], [True]), np.float16(1)]",
        ("wrong",),
    ),
    "own: threads that compute without end": inside(
        "import hashlib\n"
        "def spin():\n"
        "    while True: hashlib.pbkdf2_hmac('sha256', bytes(64), b'x', 100_000)\n"
        "threading.stack_size(65536)\n"
        "for _ in range(450):\n"
        "    try: threading.Thread(target=spin, daemon=True).start()\n"
        "    except RuntimeError: break\n"
        "spin()",
        ("timed out",),
    ),
    "own: thousands of threads with small stacks": inside(
        "threading.stack_size(32768)\n"
        "for _ in range(30_000):\n"
        "    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
        ("raised", "timed out", "out of memory"),
    ),
    "own: objects that lie about what they are": inside(
        "class Meta(type):\n"
        "    __name__ = property(lambda cls: 1 / 0)\n"
        "    def __instancecheck__(cls, one): return True\n"
        "class Liar(metaclass=Meta):\n"
        "    __class__ = property(lambda self: np.ndarray)\n"
        "    def __array__(self, *a, **k): os._exit(7)\n"
        "    def __len__(self): return 1 << 62\n"
        "    def __getattr__(self, name): raise KeyboardInterrupt\n"
        "return Liar()",
        ("wrong", "raised", "crashed"),
    ),
    "own: a dictionary of 50 000 arrays": inside(
        "return {str(n): np.ones(1) for n in range(50_000)}", ("wrong",)
    ),
    "own: recursion without a limit": inside(
        "import sys\nsys.setrecursionlimit(10**9)\n"
        "def down(f): return f(f)\n"
        "class Deep:\n    def __getattr__(self, name): return getattr(self, name + 'x')\n"
        "return Deep().x",
        ("crashed", "out of memory", "timed out", "raised"),
    ),
    "own: an object that wakes up when it is deleted": quiet(
        "class Late:\n"
        "    def __del__(self):\n"
        "        global again\n        again = Late()\n"
        "late = Late(); del late\n"
        "import atexit; atexit.register(time.sleep, 600)"
    ),
    "own: modules replaced": quiet(
        "import time\n"
        "sys.modules['signal'] = sys.modules['time'] = sys.modules['json'] = None\n"
        "time.monotonic = lambda: 0"
    ),
    "own: an error that cannot be shown": inside(
        "class Hidden(Exception):\n    def __str__(self): os.kill(os.getpid(), 11)\nraise Hidden",
        ("crashed",),
        "SIGSEGV",
    ),
    "own: every file that may be open": quiet(
        "kept = []\ntry:\n    while True: kept += os.pipe()\nexcept OSError: pass",
        ("wrong", "raised"),
    ),
    "own: half a character": inside(r"raise ValueError(chr(0xd800) + '\x1b[31m\0')"),
    "own: text for a spreadsheet and a page": inside(
        "raise ValueError('=HYPERLINK(\"x\")</pre>]]><script>alert(1)</script>')"
    ),
}
