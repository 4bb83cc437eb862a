"""Generate small array programs, and compare what they leave behind.

A case is a list of statements that ends by setting `r`. The board's own ulab has run all of them
once (`tests/vectors/ulab.json` holds its answers); the stand-in runs them in every test run.
"""

from __future__ import annotations

import random
import struct
from typing import Any

DTYPES = ["uint8", "int8", "uint16", "int16", "float", "bool"]
LIMITS = {"uint8": (0, 255), "int8": (-128, 127), "uint16": (0, 65535), "int16": (-32768, 32767)}

PROLOGUE = """
from ulab import numpy as np
import ulab, struct, json
def show(x):
    if isinstance(x, np.ndarray):
        n = str(x).split("dtype=")[1][:-1] if x.size else str(x.dtype)
        try:
            memoryview(x)
            dense = 1
        except TypeError:
            dense = 0
        # The board looks at one stride only, and takes some scattered views for dense.
        step = x.itemsize
        for i in range(len(x.shape) - 1, -1, -1):
            if not x.size or (len(x.shape) > 1 and x.shape[i] > 1 and x.strides[i] != step):
                dense = 2
            step *= x.shape[i]
        h = "".join(["%02x" % b for b in bytes(x.copy())]) if x.size else ""
        return [n, list(x.shape), dense, h]
    if isinstance(x, float):
        return "f:" + "".join(["%02x" % b for b in struct.pack("<f", x)])
    if isinstance(x, (tuple, list)):
        return [show(i) for i in x]
    if isinstance(x, (bytes, bytearray)):
        return "b" + "".join(["%02x" % b for b in x])
    return repr(x)
def run(number, text):
    g = {"np": np, "ulab": ulab}
    try:
        exec(text, g)
        answer = show(g["r"])
    except Exception as e:
        answer = "!" + type(e).__name__
    print("@@%d %s" % (number, json.dumps(answer)))
"""


RARE = [
    "np.argsort(v.flatten(),axis=0)",
    "np.sum(v.flatten(),axis=0)",
    "np.mean(v.flatten(),axis=0)",
    "np.max(v.flatten(),axis=-1)",
    "np.argmin(v.flatten(),axis=0)",
    "np.std(v,ddof=1)",
    "np.delete(v,0,axis=AXIS)",
    "np.delete(v,-1)",
    "np.roll(v,1)",
    "np.roll(v,2,axis=AXIS)",
    "np.dot(v,v.T)",
    "np.diff(v.flatten())",
    "np.diff(v.flatten(),n=2)",
    "np.isinf(v)",
    "np.isfinite(v)",
    "np.convolve(v.flatten(),v.flatten())",
    "np.flip(v)",
    "np.asarray(v) is v",
    "np.interp(2.5,[1,2,3,4],[4,5,7,7])",
    "np.trapz(v.flatten())",
    "np.polyval([1,-2,3],v)",
    "np.polyval(v.flatten(),2)",
    "np.arctan2(v,v*0+1)",
    "np.degrees(v)",
    "np.radians(v)",
    "np.sinc(v)",
    "np.floor(v)",
    "np.around(v*0.37,decimals=1)",
    "np.log(v*v+1)",
    "np.expm1(v*0.25)",
    "np.tan(v*0.01)",
    "np.log2(v*v+1)",
    "np.log10(v*v+1)",
    "np.cosh(v*0.05)",
    "np.asinh(v)",
    "np.compress([1]+[0]*(v.shape[0]-1),v,axis=0)",
    "np.where(v>0,v,0)",
    "np.where(v>0,1.5,v)",
    "np.maximum(v,3)",
    "np.minimum(2.5,v)",
    "np.clip(v,-1,2)",
    "np.linalg.norm(v)",
    "v.byteswap()",
    "np.linalg.norm(v.flatten(),axis=0)",
    "np.left_shift(v,1)",
    "np.right_shift(v,1)",
    "v[None]",
    "v[...]",
    "v[[0,1]]",
    "v['a']",
    "v[0.5]",
    "bool(v)",
    "1 in v",
    "v==v",
    "v!=v",
    "v.itemsize",
    "v.dtype",
    "v.size",
    "np.size(v)",
    "~v",
    "-v",
    "+v",
    "v.tobytes()",
    "bytes(v)",
    "bytearray(v)",
    "list(v)",
    "[x for x in v]",
    "v.strides",
    "len(v)",
    "v.foo",
    "np.absent",
    "v%2",
    "v@v",
    "2<v",
    "2-v",
    "2.5/v.flatten()[:1]",
    "v+True",
    "v+[1]",
    "v+None",
    "v+'x'",
    "v[9,9,9,9,9]",
    "v[50]",
    "np.concatenate([v,v])",
    "np.concatenate((v,1))",
    "np.sort(v)",
    "np.median(v)",
    "str(v)",
    "np.array(v.tolist())",
    "np.array(list(v))",
    "np.ndarray(v,dtype=np.float)",
    "np.max(5)",
    "v[:1]+v",
    "np.dot(v.flatten(),v.flatten())",
    "np.argmax(v.tolist())",
    "np.nonzero(v-v)",
    "v.reshape((-1,))if v.strides[-1]==v.itemsize and len(v.shape)==1 else 0",
    "v[-1]",
    "v[0]",
    "np.fft.fft(np.array(v,dtype=np.float).flatten()[:2])",
    "np.cross(v.flatten(),v.flatten())",
    "np.vectorize(lambda x:x*2)(v)",
    "np.vectorize(lambda x:3,otypes=np.uint8)(v)",
    "np.max(v,axis=9)",
    "np.sum(v,axis='x')",
    "np.argsort(v)",
    "np.exp(v,out=v)",
    "np.diag(v.flatten())",
    "np.bitwise_and(v,1)",
    "v&1",
    "1&v",
    "np.array(v,dtype=np.bool)",
]
FIXED = [
    "a=np.arange(3)\nb=a.tobytes()\na[0]=5\nr=bytes(b)",
    "r=np.zeros((2,3))",
    "r=np.ones((3,),dtype=np.int16)",
    "r=np.full((2,2),7,dtype=np.uint8)",
    "r=np.full(3,2.5,dtype=np.int8)",
    "r=np.full(2,True,dtype=np.bool)",
    "r=np.empty(3)",
    "r=np.zeros(0)",
    "r=np.zeros((0,))",
    "r=np.array([])",
    "r=np.array([[],[]])",
    "r=np.eye(3)",
    "r=np.eye(2,M=4,k=1)",
    "r=np.eye(4,k=-1)if 0 else 1",
    "r=np.arange(5)",
    "r=np.arange(2,9,3)",
    "r=np.arange(9,2,-2)",
    "r=np.arange(0.5,4)",
    "r=np.arange(40000)[-3:]",
    "r=np.arange(5,1)",
    "r=np.arange(300,dtype=np.uint8)[250:]",
    "r=np.arange(1,2,0)",
    "r=np.linspace(0,10,5)",
    "r=np.linspace(0,10,5,endpoint=False)",
    "r=np.linspace(0,9,4,dtype=np.uint8)",
    "r=np.linspace(1,2,1)",
    "r=np.logspace(0,3,4)",
    "r=np.linspace(0,1,3,retstep=True)",
    "r=np.array([1,300,-1],dtype=np.uint8)",
    "r=np.array([1.5],dtype=np.uint8)",
    "r=np.array([[1,2],[3]])",
    "r=np.array(5)",
    "r=np.array('abc')",
    "r=np.array([None])",
    "r=np.array((1,2,3))",
    "r=np.array(range(4),dtype=np.uint16)",
    "r=np.array([True,0,2],dtype=np.bool)",
    "r=np.array(i for i in range(1))",
    "r=np.array([[[[1,2]]],[[[3,4]]]])",
    "r=np.array([[[[1,2]]]])",
    "r=np.array([1,2],np.uint8)",
    "r=np.zeros((1,1,1,1,1))",
    "r=np.zeros(2.5)",
    "r=np.zeros('a')",
    "r=np.frombuffer(b'abcd',dtype=np.uint8)",
    "r=np.frombuffer(b'abc')",
    "r=np.frombuffer(5)",
    "r=np.frombuffer(bytes([0,0,128,63]*2))",
    "r=np.frombuffer(b'abcdef',dtype=np.int16,offset=2)",
    "r=np.frombuffer(b'abcd',dtype=np.uint8,count=2,offset=1)",
    "b=bytearray(8)\na=np.frombuffer(b,dtype=np.int16)\na[1]=-2\nr=b",
    "b=bytearray(8)\na=np.frombuffer(b)\nb[3]=64\na[1]=2.5\nr=a,bytes(b),bytes(a[1:])",
    "b=bytearray(8)\na=np.frombuffer(b,dtype=np.float)\na+=1.5\nr=b,a*2,a.copy()",
    "a=np.zeros(3)\nb=a[1:]\nb[:]=4\na[0]=2\nr=a,b",
    "a=np.zeros((2,2))\na.T[0]=[1,2]\nr=a",
    "a=np.zeros(4)\nm=memoryview(a)\nm[2]=2.5\nr=a,len(m)",
    "r=ulab.utils.from_int16_buffer(b'abcd')",
    "r=ulab.utils.from_uint32_buffer(b'\\x01\\x02\\x03\\x04')",
    "a=np.array([1,2])\ndel a[0]\nr=a",
    "r=ulab.utils.from_int16_buffer(b'abcd',byteswap=True)",
    "r=np.where(1,2,3)",
    "r=np.clip(5,1,3)",
    "r=np.maximum(1,2)",
    "r=np.minimum(1.5,2)",
    "r=np.equal(1,1)",
    "r=np.exp(1)",
    "r=np.exp([0,1])",
    "r=np.sqrt(-1.0)",
    "r=np.isinf(1.0)",
    "r=np.sum([1,2,3.5])",
    "r=np.mean((1,2))",
    "r=np.max([3,1])",
    "r=np.argmin([3,1])",
    "r=np.all([1,0])",
    "r=np.any([0,2])",
    "r=np.std([1,2,3])",
    "r=np.size([1,2])",
    "r=np.linalg.norm([3,4])",
    "r=np.linalg.det(np.array([[1,2],[3,4]]))",
    "r=np.trace(np.eye(3))",
    "r=np.linalg.inv(np.array([[2,0],[0,4]]))",
    "r=np.linalg.cholesky(np.array([[4,0],[0,9]]))",
    "r=np.linalg.inv(np.zeros((2,2)))",
    "r=np.linalg.det(np.zeros((2,3)))",
    "r=np.diag([1,2],k=1)",
    "r=np.diag(np.array([[1,2],[3,4]]))",
    "r=np.fft.fft(np.array([1,2,3,4]))",
    "r=np.fft.fft(np.arange(3))",
    "r=np.fft.ifft(np.array([1,0,0,0]),np.array([0,1,0,0]))",
    "r=ulab.utils.spectrogram(np.arange(4))",
    "r=np.polyfit([1,2,3],1)",
    "r=np.cross(np.array([1,2,3]),np.array([4,5,6]))",
    "r=np.pi,np.e,np.inf,np.nan",
    "r=np.uint8,np.int8,np.uint16,np.int16,np.float,np.bool,np.complex",
    "r=isinstance(np.zeros(1),np.ndarray)",
    "a=np.zeros(300,dtype=np.uint8)+1\nr=np.sum(np.array(a,dtype=np.uint8),axis=0)",
    "r=np.array([3,1,2]).sort()",
    "a=np.array([3,-1,2],dtype=np.int8)\na.sort()\nr=a",
    "a=np.array([[3,1],[0,9]])\na.sort(axis=0)\nr=a",
    "a=np.array([[3,1],[0,9]])\na.sort(axis=None)\nr=a",
    "r=np.array([1,2])if np.zeros(2)else 0",
    "a=np.arange(12).reshape((3,4))\na[1:,::2]=[[7,8],[9,10]]\nr=a",
    "r=np.zeros((2,2))[0][0]",
    "a=np.arange(6).reshape((2,3))\na[:,1]=np.array([7.5,-2.5])\nr=a",
    "a=np.zeros(3)\na[1]=np.array([5])\nr=a",
    "a=np.arange(6).reshape((2,3))\na[0]=5\na[1,2]=-1\nr=a,a.reshape((3,2)),a.reshape((3,-1))",
    "r=np.arange(6).reshape((4,2))",
    "r=np.arange(6).reshape((-1,-1))",
    "r=np.arange(6).reshape([2,3])",
    "a=np.arange(9)\na[a>4]=np.array([1,2,3,4])\nr=a",
    "a=np.arange(9)\na[a>4]=2.75\nr=a",
    "a=np.ones(3,dtype=np.uint8)\na+=255\nr=a",
    "a=np.ones(3,dtype=np.uint8)\na+=0.5\nr=a",
    "a=np.ones(3)\nb=a\nb-=0.25\nr=a",
    "a=np.array([1.0,2.0]);b=np.zeros(2)\nnp.sqrt(a,out=b)\nr=b",
    "r=np.get_printoptions()",
    "r=str(np.arange(30))",
    "r=str(np.arange(8).reshape((2,2,2)))",
    "r=str(np.array([0.1,1/3,1e10,100000.0]))",
    "r=str(np.array([True,False],dtype=np.bool))",
]


def number(rng: random.Random, dtype: str) -> str:
    """Return a value of dtype as source text."""
    if dtype == "bool":
        return rng.choice(["0", "1"])
    if dtype == "float":
        # Single-precision builds read decimals inexactly; binary fractions are exact in both.
        return (
            f"{rng.randint(-40, 40)}/4"
            if rng.random() < 0.6
            else f"{rng.randint(-9999, 9999)}/1024"
        )
    low, high = LIMITS[dtype]
    if rng.random() < 0.6:
        return str(rng.randint(max(low, -9), 12))
    return str(rng.randint(low, high))


def make(rng: random.Random, name: str, dtype: str, shape: tuple[int, ...]) -> str:
    """Return a statement that makes an array."""

    def nest(dimensions: tuple[int, ...]) -> str:
        if not dimensions:
            return number(rng, dtype)
        return "[" + ",".join(nest(dimensions[1:]) for _ in range(dimensions[0])) + "]"

    if len(shape) < 4:
        return f"{name}=np.array({nest(shape)},dtype=np.{dtype})"
    flat = nest((shape[0] * shape[1] * shape[2] * shape[3],))
    return f"{name}=np.array({flat},dtype=np.{dtype}).reshape({shape})"


def shape_of(rng: random.Random) -> tuple[int, ...]:
    """Return a small shape, mostly one or two dimensions."""
    dimensions = rng.choice([1, 1, 1, 2, 2, 2, 3, 3, 4])
    top = {1: 9, 2: 5, 3: 4, 4: 3}[dimensions]
    return tuple(rng.randint(1 if rng.random() < 0.2 else 2, top) for _ in range(dimensions))


def index(rng: random.Random, n: int) -> str:
    """Return an index or a slice of a dimension of length n."""
    kind = rng.random()
    if kind < 0.35:
        return str(rng.randint(-n, n - 1))
    if kind < 0.5:
        return ":"
    start, stop = rng.randint(-n - 1, n + 1), rng.randint(-n - 1, n + 1)
    step = rng.choice(["", ":2", ":-1", ":-2", ":3", "", ""])
    return f"{start if rng.random() < 0.7 else ''}:{stop if rng.random() < 0.7 else ''}{step}"


def viewed(rng: random.Random, name: str, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """Return an expression for a view of an array that has elements, and its shape."""
    kind = rng.random()
    if kind < 0.5:
        return name, shape
    if kind < 0.62:
        return f"{name}.T", shape[::-1]
    if kind < 0.74:
        return f"{name}[::2]", ((shape[0] + 1) // 2, *shape[1:])
    if kind < 0.84 and len(shape) > 1:
        return f"{name}[:,-1]", (shape[0], *shape[2:])
    if kind < 0.92 and shape[0] > 1:
        return f"{name}[1:]", (shape[0] - 1, *shape[1:])
    return f"{name}[::-1]", shape


def operand(rng: random.Random, name: str, dtype: str, shape: tuple[int, ...]) -> tuple[str, str]:
    """Return (statement, expression) of an operand that broadcasts with shape, mostly."""
    kind = rng.random()
    if kind < 0.3:
        dtype = rng.choice(["float", "uint8", "int8", "int16"])
        return "pass", number(rng, dtype)
    if kind < 0.7:
        return make(rng, name, dtype, shape), name
    if kind < 0.85:
        return make(rng, name, dtype, shape[1:] or (1,)), name
    if kind < 0.95:
        return make(rng, name, dtype, tuple(1 if rng.random() < 0.5 else n for n in shape)), name
    return make(rng, name, dtype, (7,)), name


def one_case(rng: random.Random) -> str:
    """Return one program."""
    shape = shape_of(rng)
    dtype = rng.choice(DTYPES)
    lines = [make(rng, "a", dtype, shape)]
    view, shape = viewed(rng, "a", shape)
    lines.append(f"v={view}")
    axis = rng.randint(-len(shape), len(shape) - 1)
    if rng.random() < 0.05:
        axis = len(shape)
    kind = rng.randrange(17)
    if kind in (0, 1):
        other = rng.choice(DTYPES)
        statement, text = operand(rng, "b", other, shape)
        operator = rng.choice(["+", "-", "*", "/", "+", "-", "*", "//", "**"])
        if operator in ("/", "//", "**") and text == "b":
            statement += f"\nb=b*0+{rng.randint(1, 5)}" if rng.random() < 0.5 else "\nb=b*b*0.5+2.5"
        elif operator in ("/", "//", "**"):
            text = rng.choice(["2", "3", "2.5", "0.5"])
        if operator == "**" and "-" in lines[0] and dtype == "float":
            operator = "+"
        lines += [statement, f"r=v{operator}({text})"]
        if rng.random() < 0.25 and text != "b" and operator in "+-*":
            lines[-1] = f"r=({text}){operator}v"
    elif kind == 2:
        statement, text = operand(rng, "b", rng.choice(DTYPES), shape)
        operator = rng.choice(["<", ">", "<=", ">=", "==", "!="])
        lines += [statement, f"r=v{operator}({text})"]
    elif kind == 3:
        statement, text = operand(rng, "b", rng.choice(DTYPES), shape)
        operator = rng.choice(["+", "-"])  # the others are plain operators in PC interpreters
        lines += [statement, f"v{operator}={text}", "r=a,v"]
    elif kind == 4:
        name = rng.choice(["argmax", "argmin", "max", "min", "sum", "mean", "all", "any", "std"])
        if rng.random() < 0.4:
            lines.append(f"r=np.{name}(v)")
        else:
            lines.append(f"r=np.{name}(v,axis={axis})")
    elif kind == 5:
        name = rng.choice(["sort", "argsort", "median", "linalg.norm", "flip", "size"])
        lines.append(f"r=np.{name}(v,axis={axis})" if rng.random() < 0.8 else f"r=np.{name}(v)")
    elif kind == 6:
        parts = ",".join(index(rng, n) for n in shape[: rng.randint(1, len(shape))])
        lines.append(f"r=v[{parts}]")
    elif kind == 7:
        parts = ",".join(index(rng, n) for n in shape[: rng.randint(1, len(shape))])
        value = number(rng, rng.choice(["float", "uint8", "int16"]))
        lines += [f"v[{parts}]={value}", "r=a"]
    elif kind == 8:
        lines.append(f"r=np.array(v,dtype=np.{rng.choice(DTYPES[:5])})")
    elif kind == 9:
        other = make(rng, "b", dtype if rng.random() < 0.8 else "float", shape)
        lines += [other, f"r=np.concatenate((v,b),axis={axis})"]
    elif kind == 10:
        name = rng.choice(["exp", "sqrt", "tanh", "floor", "ceil", "sin", "around", "atan"])
        lines.append(f"r=np.{name}({'v' if name != 'sqrt' else 'v*v'})")
    elif kind == 11:
        cut = rng.choice(DTYPES)
        other = make(rng, "b", cut, shape)
        name = rng.choice(["maximum", "minimum", "where", "clip", "equal", "not_equal"])
        call = {"where": "(v>1,v,b)", "clip": "(v,1,9)"}.get(name, "(v,b)")
        lines += [other, f"r=np.{name}{call}"]
    elif kind == 12:
        name = rng.choice(["copy()", "flatten()", "flatten(order='F')", "tolist()", "transpose()"])
        lines.append(f"r=v.{name}")
        if rng.random() < 0.3:
            lines[-1] = rng.choice(
                ["r=-v", "r=+v", "r=v.tobytes()", "r=list(v)", "r=len(v)", "r=v.shape,v.strides"]
            )
    elif kind == 13:
        length = len(shape) == 1
        if length:
            lines.append(
                rng.choice(["r=v[v>2]", "v[v>2]=7\nr=a", "r=np.nonzero(v)", "r=np.compress(v>1,v)"])
            )
        else:
            lines.append(f"r={rng.choice(['np.nonzero(v)', 'v[v>1]', 'np.trace(v)', 'v.reshape'])}")
            if lines[-1] in ("r=v.reshape", "r=v[v>1]"):
                lines[-1] = f"r=np.roll(v,{rng.randint(-3, 3)},axis={axis})"
    elif kind == 15:
        lines.append("r=" + rng.choice(RARE).replace("AXIS", str(axis)))
    elif kind == 16:
        lines = [rng.choice(FIXED)]
    else:
        statement, text = operand(rng, "b", rng.choice(DTYPES[:5]), shape)
        names = ["bitwise_and", "bitwise_or", "bitwise_xor"]
        call = rng.choice([f"np.{name}(v,{text})" for name in names])
        if text == "b" and rng.random() < 0.6:
            call = f"v{rng.choice('&|^')}b"
        if len(shape) <= 2 and rng.random() < 0.3:
            statement, call = make(rng, "b", dtype, (shape[-1],)), "np.dot(v,b)"
        lines += [statement, f"r={call}"]
    return "\n".join(lines)


def cases(count: int, seed: int) -> list[str]:
    """Return count programs, the same for the same seed."""
    rng = random.Random(seed)
    return [one_case(rng) for _ in range(count)]


def agree(found: Any, expected: Any, ulps: int = 4) -> bool:
    """Compare two shown results; single-precision numbers may differ in their last bits."""
    if isinstance(expected, list) and isinstance(found, list):
        if len(expected) == 4 and expected[0] == "float32" and found[:3] == expected[:3]:
            return _near(found[3], expected[3], ulps)
        return len(found) == len(expected) and all(map(agree, found, expected))
    if isinstance(expected, str) and isinstance(found, str) and expected[:2] == found[:2] == "f:":
        return _near(found[2:], expected[2:], ulps)
    return bool(found == expected)


def _near(found: str, expected: str, ulps: int) -> bool:
    if len(found) != len(expected):
        return False
    a, b = bytes.fromhex(found), bytes.fromhex(expected)
    for x, y in zip(struct.iter_unpack("<f", a), struct.iter_unpack("<f", b), strict=True):
        if x[0] == y[0] or (x[0] != x[0] and y[0] != y[0]):
            continue
        if not abs(x[0] - y[0]) <= ulps * 6e-8 * max(abs(y[0]), 0.25):
            return False
    return True
