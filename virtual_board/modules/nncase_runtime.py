"""The board's nncase_runtime: kmodels on the KPU, picture preparation on ai2d.

What throws a C++ exception on the board ends the process here too: wrong tensor indices,
unsupported types, an ai2d schedule that cannot be built.
"""

from _k230 import media as _media
from _k230 import silicon as _silicon
from _k230.tensors import from_numpy, runtime_tensor

_VERSION = "2.11.0"
_MAX_ITEMS = 8  # of a shape or parameter list
_DTYPE_CODES = {66: "uint8", 98: "int8", 72: "uint16", 104: "int16", 102: "float32", 63: "bool"}


class interp_method:
    """How ai2d interpolates."""

    tf_nearest = 0
    tf_bilinear = 1
    cv2_nearest = 2
    cv2_bilinear = 3


class interp_mode:
    """Where ai2d takes a pixel's position from."""

    none = 0
    align_corner = 1
    half_pixel = 2


class ai2d_format:
    """Picture layouts of ai2d."""

    YUV420_NV12 = 0
    YUV420_NV21 = 1
    YUV420_I420 = 2
    NCHW_FMT = 3
    RGB_packed = 4
    RAW16 = 5


def version() -> str:
    """Return nncase's version."""
    return _VERSION


def shrink_memory_pool() -> None:
    """Give memory of dropped tensors back: the silicon bounds it by itself."""


def _items(values):
    if len(values) > _MAX_ITEMS:
        raise TypeError("obj len exceed 8")
    return [int(value) for value in values]


def _tensor(value, where: str):
    if not isinstance(value, runtime_tensor):
        _silicon.die("%s was given %s and no tensor" % (where, type(value).__name__))
    return value


class kpu:
    """One model on the KPU."""

    def __init__(self) -> None:
        self._model = None  # the kmodel's bytes: the silicon may drop a model that was not used
        self._name = ""
        self._handle = 0
        self._inputs = []
        self._outputs = []
        self._fixed = []
        self._info = None

    def __del__(self) -> None:
        """Free the model; a second call does nothing."""
        if self._handle:
            _silicon.call("kpu.free", [self._handle])
        self.__init__()

    def load_kmodel(self, source) -> None:
        """Load a kmodel from a path or a buffer: OSError when unreadable, EOFError when bad."""
        if isinstance(source, str):
            try:
                with open(source, "rb") as file:
                    data = file.read()
            except OSError:
                raise OSError("Kmodel file not exist.")
            failed = "KPU load model failed from path."
            self._name = source
        else:
            data = source
            failed = "KPU load model failed from buffer."
            self._name = "buffer"
        try:
            self._load(data)
        except EOFError as error:
            # The board's message names no cause; the console gets the one the silicon found.
            print("kmodel:", error)
            raise EOFError(failed)

    def _load(self, data) -> None:
        if self._handle:
            _silicon.call("kpu.free", [self._handle])
            self._handle = 0
        _media.tell()
        info, _ = _silicon.call("kpu.load", [self._name], [data])
        self._model = data
        self._info = info
        self._handle = info["handle"]
        if len(self._inputs) != len(info["inputs"]) or len(self._fixed) != len(info["outputs"]):
            self._inputs = [None] * len(info["inputs"])
            self._fixed = [None] * len(info["outputs"])
            self._outputs = [None] * len(info["outputs"])

    def _need(self, what: str) -> None:
        if self._info is None:
            _silicon.die("kpu.%s() before load_kmodel()" % what)

    def _index(self, index: int, count: int, what: str) -> int:
        if not 0 <= index < count:
            _silicon.abort("kpu.%s(%d): the model has %d" % (what, index, count))
        return index

    def set_input_tensor(self, index: int, tensor) -> None:
        """Use tensor as input index: ValueError when its index, type or size is wrong."""
        self._need("set_input_tensor")
        _tensor(tensor, "kpu.set_input_tensor()")
        self._inputs[self._checked(index, tensor, self._info["inputs"], "input")] = tensor

    def set_output_tensor(self, index: int, tensor) -> None:
        """Let run() write output index into tensor: ValueError as set_input_tensor()."""
        self._need("set_output_tensor")
        _tensor(tensor, "kpu.set_output_tensor()")
        self._fixed[self._checked(index, tensor, self._info["outputs"], "output")] = tensor

    def _checked(self, index: int, tensor, wanted, what: str) -> int:
        if 0 <= index < len(wanted):
            # The runtime itself looks at the index alone (nncase src/Native/src/runtime/interpreter.cpp,
            # interpreter::input_tensor): as many values in another shape are taken as they lie.
            dtype, shape = wanted[index][:2]
            if tensor._dtype == dtype and (-1 in shape or _count(tensor._shape) == _count(shape)):
                return index
        raise ValueError("KPU set %s tensor failed." % what)

    def get_input_tensor(self, index: int):
        """Return input index; one of zeros is made where none was set."""
        self._need("get_input_tensor")
        self._index(index, len(self._inputs), "get_input_tensor")
        if self._inputs[index] is None:
            dtype, shape, _, size = self._info["inputs"][index]
            self._inputs[index] = runtime_tensor(dtype, tuple(shape), data=bytes(size))
        return self._inputs[index]

    def get_output_tensor(self, index: int):
        """Return output index of the last run."""
        self._need("get_output_tensor")
        self._index(index, len(self._outputs), "get_output_tensor")
        if self._fixed[index] is not None:
            return self._fixed[index]
        if self._outputs[index] is None:
            dtype, shape, _, size = self._info["outputs"][index]
            self._outputs[index] = runtime_tensor(dtype, tuple(shape), data=bytes(size))
        return self._outputs[index]

    def run(self) -> None:
        """Run the model with the interpreter held; RuntimeError when it fails."""
        self._need("run")
        blobs = []
        references = []
        for tensor in self._inputs:
            if tensor is None:
                raise RuntimeError("KPU run failed.")
            references.append(tensor._reference(blobs))
        made, _ = _silicon.call("kpu.run", [self._handle, references], blobs)
        if made == "short":  # as far as it knows: some tensors may have been collected
            _media.tell()
            made, _ = _silicon.call("kpu.run", [self._handle, references, True], blobs)
        if made is None:  # the silicon had dropped the model
            self._handle = 0
            self._load(self._model)
            made, _ = _silicon.call("kpu.run", [self._handle, references], blobs)
        for i in range(len(made)):
            number, dtype, shape = made[i]
            if self._fixed[i] is not None:
                self._fixed[i]._becomes(number)
            else:
                self._outputs[i] = runtime_tensor(dtype, tuple(shape), number=number)

    def inputs_size(self) -> int:
        """Return the number of inputs."""
        self._need("inputs_size")
        return len(self._inputs)

    def outputs_size(self) -> int:
        """Return the number of outputs."""
        self._need("outputs_size")
        return len(self._outputs)

    def inputs_desc(self, index: int):
        """Return {tensor_datatype, tensor_start, tensor_size} of input index."""
        self._need("inputs_desc")
        return _description(
            self._info["inputs"][self._index(index, len(self._inputs), "inputs_desc")]
        )

    def outputs_desc(self, index: int):
        """Return {tensor_datatype, tensor_start, tensor_size} of output index."""
        self._need("outputs_desc")
        return _description(
            self._info["outputs"][self._index(index, len(self._outputs), "outputs_desc")]
        )


def _count(shape) -> int:
    count = 1
    for side in shape:
        count *= side
    return count


def _description(item):
    dtype, _, start, size = item
    name = "dt_boolean" if dtype == "bool" else "dt_" + dtype
    return {"tensor_datatype": name, "tensor_start": start, "tensor_size": size}


class ai2d:
    """A picture preparation: crop, then shift, then resize or affine, then pad."""

    def __init__(self) -> None:
        self._settings = {}

    def set_dtype(self, src_format: int, dst_format: int, src_type: int, dst_type: int) -> None:
        for code in (src_type, dst_type):
            if code not in _DTYPE_CODES:
                _silicon.abort("ai2d.set_dtype(): unsupported data type %s" % code)
        types = _DTYPE_CODES[src_type], _DTYPE_CODES[dst_type]
        self._settings["dtype"] = [src_format, dst_format, types[0], types[1]]

    def set_crop_param(self, flag, start_x: int, start_y: int, width: int, height: int) -> None:
        box = [int(start_x), int(start_y), int(width), int(height)]
        self._settings["crop"] = box if flag else None

    def set_shift_param(self, flag, shift_value: int) -> None:
        self._settings["shift"] = shift_value if flag else None

    def set_pad_param(self, flag, paddings, pad_mode: int, pad_value) -> None:
        if len(paddings) < _MAX_ITEMS:
            _silicon.die("ai2d.set_pad_param(): expected 8 paddings, found %d" % len(paddings))
        pads = [_items(paddings), pad_mode, _items(pad_value)]
        self._settings["pad"] = pads if flag else None

    def set_resize_param(self, flag, interp_method: int, interp_mode: int) -> None:
        self._settings["resize"] = [interp_method, interp_mode] if flag else None

    def set_affine_param(
        self,
        flag,
        interp_method: int,
        cord_round: int,
        bound_ind: int,
        bound_val: int,
        bound_smooth: int,
        M,
    ) -> None:
        matrix = [float(value) for value in M]
        rest = [interp_method, cord_round, bound_ind, bound_val, bound_smooth, matrix]
        self._settings["affine"] = rest if flag else None

    def build(self, input_shape, output_shape):
        """Return the builder for pictures of input_shape; a schedule that fails ends the process."""
        return _Builder(dict(self._settings), _items(input_shape), _items(output_shape))

    def __del__(self) -> None:
        _silicon.die(
            "ai2d.__del__() was called: the finaliser frees it a second time; drop it with del"
        )


class _Builder:
    """One built preparation."""

    def __init__(self, settings, input_shape, output_shape) -> None:
        self._plan = [settings, input_shape, output_shape]
        self._shape = tuple(output_shape)
        self._handle = _silicon.call("ai2d.build", self._plan)[0]

    def run(self, inputs, outputs) -> None:
        """Prepare the picture in tensor inputs into tensor outputs, the interpreter held."""
        blobs = []
        reference = _tensor(inputs, "ai2d_builder.run()")._reference(blobs)
        _tensor(outputs, "ai2d_builder.run()")
        shape = list(outputs._shape)
        if outputs._frame is not None:
            _silicon.die("ai2d_builder.run() into a camera frame: it belongs to the camera")
        number = _silicon.call(
            "ai2d.run", [self._handle, reference, shape, outputs._number], blobs
        )[0]
        if number is None:  # the silicon had dropped the plan
            self._handle = _silicon.call("ai2d.build", self._plan)[0]
            number = _silicon.call(
                "ai2d.run", [self._handle, reference, shape, outputs._number], blobs
            )[0]
        outputs._becomes(number)

    def release(self) -> None:
        _silicon.die(
            "builder.release() was called: the finaliser frees it a second time; drop it with del"
        )

    __del__ = release
