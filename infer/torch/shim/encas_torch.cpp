// The library behind encas_torch.h: TorchScript models, run through libtorch.
//
// It compiles against torch 1.13 and every 2.x. What differs between them is kept
// to the functions marked "versions".

#include "encas_torch.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/record_function.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/script.h>
#include <torch/version.h>

#if __has_include(<ATen/native/quantized/PackedParams.h>)
#include <ATen/native/quantized/PackedParams.h>
#define ENCAS_QUANTIZED 1
#endif

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

#define ENCAS_TORCH_AT_LEAST(major, minor) \
	(TORCH_VERSION_MAJOR > (major) ||      \
	 (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))

namespace {

// A Subnet is what a supernet's methods take beside images. Its weights are views of the
// supernet's.
struct Subnet {
	c10::List<int64_t> plan;
	c10::List<at::Tensor> weights, statistics;
};

// Observed are sums over batches of what statistics are averages of.
struct Observed {
	std::vector<at::Tensor> sums;
	double weight = 0;
	bool unbiased = false;
};

} // namespace

struct encas_model {
	torch::jit::Module module;
	at::Device device = at::kCPU;
	int precision = ENCAS_FLOAT32;
	std::unique_ptr<Subnet> subnet; // null: the model is the module
	Observed observed;
};

namespace {

// Status is thrown where this file itself finds something wrong.
struct Status {
	int code;
	std::string message;
};

// cause returns the one line of torch's text that says what happened: the last one
// of an error from inside a model, whose first lines are a traceback, else the first.
std::string cause(std::string text) {
	const bool traceback = text.find("TorchScript interpreter") != std::string::npos ||
	                       text.find("Traceback of TorchScript") != std::string::npos;
	while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
		text.pop_back();
	if (traceback) {
		const auto at = text.rfind('\n');
		return at == std::string::npos ? text : text.substr(at + 1);
	}
	return text.substr(0, text.find('\n'));
}

// Torch has no one type for it: the CPU's allocator, CUDA's, cuBLAS and cuDNN each
// say it in their own words.
bool out_of_memory(const std::string &text) {
	for (const char *words : {"out of memory", "can't allocate memory", "not enough memory",
	                          "STATUS_ALLOC_FAILED", "std::bad_alloc"})
		if (text.find(words) != std::string::npos)
			return true;
	return false;
}

int fail(encas_error *err, int code, const std::string &message) {
	std::strncpy(err->message, message.c_str(), sizeof err->message - 1);
	err->message[sizeof err->message - 1] = 0;
	return code;
}

// guarded runs f and turns every exception into a status; code is what an error of
// no special kind becomes.
template <class F>
int guarded(encas_error *err, int code, F f) {
	std::string text;
	try {
		f();
		return ENCAS_OK;
	} catch (const Status &s) {
		return fail(err, s.code, s.message);
	} catch (const std::bad_alloc &) {
		return fail(err, ENCAS_OUT_OF_MEMORY, "out of memory");
	} catch (const c10::Error &e) {
		text = e.what_without_backtrace();
	} catch (const std::exception &e) {
		text = e.what();
	} catch (...) {
		text = "an exception of unknown type";
	}
	return fail(err, out_of_memory(text) ? ENCAS_OUT_OF_MEMORY : code, cause(text));
}

// Autocast holds a precision for its lifetime. Versions.
class Autocast {
public:
	Autocast(const encas_model &m) : on_(m.precision != ENCAS_FLOAT32), device_(m.device.type()) {
		if (on_)
			set(true, m.precision == ENCAS_FLOAT16 ? at::kHalf : at::kBFloat16);
	}
	~Autocast() {
		if (!on_)
			return;
		set(false, at::kBFloat16);
		at::autocast::clear_cache();
	}

private:
	void set(bool enabled, at::ScalarType type) {
#if ENCAS_TORCH_AT_LEAST(2, 4)
		at::autocast::set_autocast_enabled(device_, enabled);
		if (enabled)
			at::autocast::set_autocast_dtype(device_, type);
#else
		if (device_ == at::kCPU) {
			at::autocast::set_cpu_enabled(enabled);
			if (enabled)
				at::autocast::set_autocast_cpu_dtype(type);
		} else {
			at::autocast::set_enabled(enabled);
			if (enabled)
				at::autocast::set_autocast_gpu_dtype(type);
		}
#endif
	}
	bool on_;
	at::DeviceType device_;
};

// call runs a method of the model as it was traced. The profiling executor stays off: it
// would compile again for each batch size and fuse differently on each machine.
c10::IValue call(const encas_model &m, const char *method, std::vector<c10::IValue> arguments) {
	torch::jit::GraphOptimizerEnabledGuard no_optimizer(false);
	return m.module.get_method(method)(std::move(arguments));
}

at::Tensor forward(encas_model &m, at::Tensor input) {
	c10::InferenceMode inference;
	Autocast autocast(m);
	auto out = m.subnet ? call(m, "run", {std::move(input), m.subnet->plan, m.subnet->weights, m.subnet->statistics})
	                    : call(m, "forward", {std::move(input)});
	if (out.isTuple() && !out.toTupleRef().elements().empty())
		out = out.toTupleRef().elements()[0]; // logits come first, auxiliary heads after
	if (!out.isTensor())
		throw Status{ENCAS_BAD_OUTPUT, "the model returns " + out.tagKind() + " instead of a tensor"};
	return out.toTensor();
}

std::string shape(const at::Tensor &t) {
	std::string s = "[";
	for (auto d : t.sizes())
		s += (s.size() > 1 ? ", " : "") + std::to_string(d);
	return s + "]";
}

// images makes the tensor of n images that the model takes.
at::Tensor images(const encas_model &m, const uint8_t *pixels, int n, int height, int width,
                  const float *mean, const float *std) {
	const auto channel = [&](const float *v) {
		return at::from_blob(const_cast<float *>(v), {3, 1, 1}, at::kFloat).to(m.device);
	};
	// The steps, and the order of their roundings, are torchvision's ToTensor and
	// Normalize.
	return at::from_blob(const_cast<uint8_t *>(pixels), {n, height, width, 3}, at::kByte)
	    .to(m.device)
	    .permute({0, 3, 1, 2})
	    .contiguous()
	    .to(at::kFloat)
	    .div_(255)
	    .sub_(channel(mean))
	    .div_(channel(std));
}

// rows runs n images and returns one row of the model's outputs for each.
at::Tensor rows(encas_model &m, const uint8_t *pixels, int n, int height, int width,
                const float *mean, const float *std) {
	c10::InferenceMode inference;
	auto out = forward(m, images(m, pixels, n, height, width, mean, std));
	if (out.dim() != 2 || out.size(0) != n)
		throw Status{ENCAS_BAD_OUTPUT, "the output for " + std::to_string(n) + " images has shape " + shape(out) +
		                                   " instead of [" + std::to_string(n) + ", classes]"};
	return out.to(at::kFloat);
}

at::Tensor black(const encas_model &m, int n, int height, int width) {
	return at::zeros({n, 3, height, width}, at::TensorOptions().dtype(at::kFloat).device(m.device));
}

double elements(const c10::IValue &v) { return static_cast<double>(v.toTensor().numel()); }

int64_t size(const c10::IValue &v, int64_t dim) { return v.toTensor().size(dim); }

// convolution counts one: every weight meets every output position (input position,
// when transposed).
double convolution(const at::Tensor &input, const at::Tensor &weight, const std::vector<int64_t> &stride,
                   const std::vector<int64_t> &padding, const std::vector<int64_t> &dilation, bool transposed) {
	double positions = static_cast<double>(input.size(0));
	// Counted from the last one: quantised weights of one dimension have two.
	for (int64_t i = 1; i <= input.dim() - 2; i++) {
		const int64_t in = input.size(input.dim() - i), kernel = weight.size(weight.dim() - i);
		if (transposed) {
			positions *= static_cast<double>(in);
			continue;
		}
		const auto at = [&](const std::vector<int64_t> &x) { return x.size() == 1 ? x[0] : x[x.size() - i]; };
		positions *= static_cast<double>((in + 2 * at(padding) - at(dilation) * (kernel - 1) - 1) / at(stride) + 1);
	}
	return positions * static_cast<double>(weight.numel());
}

// convolution counts one from the arguments of aten::_convolution.
double convolution(c10::ArrayRef<const c10::IValue> v) {
	if (v.size() < 12)
		return 0;
	// Torch 1.13 passes the interpreter's whole stack; the arguments are its end.
	// 2.x passes them alone.
	constexpr size_t arguments = 13;
	if (v.size() > arguments)
		v = v.slice(v.size() - arguments);
	return convolution(v[0].toTensor(), v[1].toTensor(), v[3].toIntVector(), v[4].toIntVector(),
	                   v[5].toIntVector(), v[6].toBool());
}

#ifdef ENCAS_QUANTIZED

// packed returns the weights of a quantised operator, of type T, and the tensor before
// them among its arguments, or nulls. Their place differs between operators.
template <class T>
std::pair<c10::intrusive_ptr<T>, at::Tensor> packed(c10::ArrayRef<const c10::IValue> v) {
	const auto type = c10::getCustomClassType<c10::intrusive_ptr<T>>();
	for (size_t i = v.size(); i-- > 1;)
		if (v[i].isObject() && v[i].type()->isSubtypeOf(*type) && v[i - 1].isTensor())
			return {v[i].toCustomClass<T>(), v[i - 1].toTensor()};
	return {};
}

// quantized_convolution counts one of D dimensions.
template <int D>
double quantized_convolution(c10::ArrayRef<const c10::IValue> v) {
	const auto found = packed<ConvPackedParamsBase<D>>(v);
	if (!found.first)
		return 0;
	return convolution(found.second, std::get<0>(found.first->unpack()), found.first->stride().vec(),
	                   found.first->padding().vec(), found.first->dilation().vec(), found.first->transpose());
}

// quantized_product counts a linear layer: every weight meets every row.
double quantized_product(c10::ArrayRef<const c10::IValue> v) {
	const auto found = packed<LinearPackedParamsBase>(v);
	if (!found.first)
		return 0;
	const auto weight = std::get<0>(found.first->unpack());
	return static_cast<double>(found.second.numel()) * static_cast<double>(weight.size(0));
}

#else

template <int D>
double quantized_convolution(c10::ArrayRef<const c10::IValue>) { return 0; }
double quantized_product(c10::ArrayRef<const c10::IValue>) { return 0; }

#endif

// A Count adds up the operations of one forward pass. Only innermost operations
// are counted, those that no counted one is made of.
struct Count {
	double macs = 0, extra = 0, quantized = 0;

	void add(const char *name, c10::ArrayRef<const c10::IValue> v) {
		const auto is = [&](const char *s) { return std::strcmp(name, s) == 0; };
		const auto begins = [&](const char *s) { return std::strncmp(name, s, std::strlen(s)) == 0; };
		const auto last = [&](size_t n) { return v.size() > n ? v.slice(v.size() - n) : v; };
		if (is("aten::_convolution")) {
			macs += convolution(v);
		} else if (is("aten::mm") || is("aten::bmm")) {
			v = last(2);
			macs += elements(v[0]) * static_cast<double>(size(v[1], -1));
		} else if (is("aten::mv") || is("aten::dot")) {
			v = last(2);
			macs += elements(v[0]);
		} else if (is("aten::addmm") || is("aten::baddbmm") || is("aten::_addmm_activation")) {
			v = last(is("aten::_addmm_activation") ? 6 : 5);
			macs += elements(v[1]) * static_cast<double>(size(v[2], -1));
		} else if (is("aten::addmv")) {
			v = last(5);
			macs += elements(v[1]);
		} else if (begins("quantized::conv1d") || begins("quantized::conv2d") || begins("quantized::conv_transpose")) {
			quantized += quantized_convolution<2>(v); // those of one dimension are packed as of two
		} else if (begins("quantized::conv3d")) {
			quantized += quantized_convolution<3>(v);
		} else if (begins("quantized::linear")) {
			quantized += quantized_product(v);
		} else if (begins("aten::_scaled_dot_product_") &&
		           std::strcmp(name, "aten::_scaled_dot_product_attention_math") != 0 &&
		           v.size() >= 3 && v[0].isTensor() && v[0].toTensor().dim() == 4) {
			// A fused kernel: Q·K', then weights·V.
			macs += elements(v[0]) * static_cast<double>(size(v[1], 2));
			macs += elements(v[0]) / static_cast<double>(size(v[0], 3)) *
			        static_cast<double>(size(v[1], 2)) * static_cast<double>(size(v[2], 3));
		} else if (is("aten::batch_norm")) {
			v = last(9);
			// Evaluation scales and shifts; training takes the statistics as well.
			extra += elements(v[0]) * ((v[1].isNone() ? 1 : 2) + (v[5].toBool() ? 3 : 0));
		} else if (is("aten::layer_norm") || is("aten::group_norm")) {
			v = last(6);
			extra += elements(v[0]) * (v[2].isNone() ? 4 : 5);
		} else if (is("aten::instance_norm")) {
			v = last(9);
			extra += elements(v[0]) * (v[1].isNone() ? 4 : 5);
		} else if (is("aten::adaptive_avg_pool2d")) {
			v = last(2);
			extra += elements(v[0]);
		}
	}
};

// A RecordFunction callback is a plain function: this is where it finds its Count,
// and where an exception in it waits for the end of the pass.
thread_local Count *counting = nullptr;
thread_local std::exception_ptr counting_error;

std::unique_ptr<at::ObserverContext> count_one(const at::RecordFunction &f) {
	if (counting && !counting_error) {
		try {
			auto inputs = f.inputs();
			// aten::bmm.out and the like have the output as a last argument.
			const auto name = f.operator_name();
			if (name && name->overload_name == "out" && !inputs.empty())
				inputs = inputs.slice(0, inputs.size() - 1);
			counting->add(f.name(), inputs);
		} catch (...) {
			counting_error = std::current_exception();
		}
	}
	return nullptr;
}

void need_methods(const encas_model &supernet) {
	for (const char *method : {"cut", "run", "observe"})
		if (!supernet.module.find_method(method))
			throw Status{ENCAS_ERROR, "the file is no supernet: it has no method " + std::string(method)};
}

// cut returns the tensors of a supernet's subnet. Whatever the file's method does, they are
// as many as the file's other methods are given.
std::unique_ptr<Subnet> cut(const encas_model &supernet, const int64_t *plan, int n) {
	need_methods(supernet);
	auto s = std::make_unique<Subnet>();
	for (int i = 0; i < n; i++)
		s->plan.push_back(plan[i]);
	const auto out = call(supernet, "cut", {s->plan}); // held while its lists are read
	if (!out.isTuple() || out.toTupleRef().elements().size() != 2 || !out.toTupleRef().elements()[0].isTensorList() ||
	    !out.toTupleRef().elements()[1].isTensorList())
		throw Status{ENCAS_ERROR, "the file is no supernet: its method cut returns no two lists of tensors"};
	s->weights = out.toTupleRef().elements()[0].toTensorList();
	s->statistics = out.toTupleRef().elements()[1].toTensorList();
	return s;
}

// observe adds the statistics of a batch to those that were observed.
void observe(encas_model &m, at::Tensor input, bool unbiased) {
	auto &seen = m.observed;
	if (seen.weight > 0 && seen.unbiased != unbiased)
		throw Status{ENCAS_ERROR, "batches are observed with biased or with unbiased variances, not with both"};
	const double weight = unbiased ? 1 : static_cast<double>(input.size(0));
	const auto out = call(m, "observe", {std::move(input), m.subnet->plan, m.subnet->weights, unbiased});
	if (!out.isTensorList() || out.toTensorList().size() != m.subnet->statistics.size() + 1)
		throw Status{ENCAS_ERROR, "the supernet's method observe does not return logits and the statistics of each batch norm"};
	const auto batch = out.toTensorVector();
	std::vector<at::Tensor> sums;
	for (size_t i = 1; i < batch.size(); i++) {
		if (batch[i].sizes() != m.subnet->statistics.get(i - 1).sizes())
			throw Status{ENCAS_ERROR, "the supernet's method observe returns statistics of another shape"};
		const auto sum = batch[i].to(at::kDouble) * weight;
		sums.push_back(seen.weight > 0 ? sum + seen.sums[i - 1] : sum);
	}
	// All of a batch counts, or nothing.
	seen.sums = std::move(sums);
	seen.weight += weight;
	seen.unbiased = unbiased;
}

void settle(encas_model &m) {
	auto &seen = m.observed;
	if (seen.weight == 0)
		throw Status{ENCAS_ERROR, "no batch was observed"};
	c10::List<at::Tensor> statistics;
	for (const auto &sum : seen.sums)
		statistics.push_back((sum / seen.weight).to(at::kFloat));
	m.subnet->statistics = std::move(statistics);
	seen = {};
}

// own copies a tensor to the CPU, and no more of its storage than it shows.
at::Tensor own(const at::Tensor &t) { return t.cpu().clone(at::MemoryFormat::Contiguous); }

// alone makes a module of a subnet that runs without its supernet. Freezing takes what the
// module holds for constants and drops what they do not reach, such as the supernet's
// weights; numerics stay as they are.
torch::jit::Module alone(const encas_model &m) {
	torch::jit::Module whole("Subnet");
	c10::List<at::Tensor> weights, statistics;
	for (const at::Tensor &w : m.subnet->weights)
		weights.push_back(own(w));
	for (const at::Tensor &s : m.subnet->statistics)
		statistics.push_back(own(s));
	whole.register_module("supernet", m.module);
	whole.register_attribute("plan", c10::ListType::ofInts(), m.subnet->plan);
	whole.register_attribute("weights", c10::ListType::ofTensors(), weights);
	whole.register_attribute("statistics", c10::ListType::ofTensors(), statistics);
	whole.define("def forward(self, x):\n"
	             "    return self.supernet.run(x, self.plan, self.weights, self.statistics)\n");
	whole.eval();
	return torch::jit::freeze(whole, /*preserved_attrs=*/{}, /*optimize_numerics=*/false);
}

void need_subnet(const encas_model &m) {
	if (!m.subnet)
		throw Status{ENCAS_ERROR, "the model is no subnet of a supernet"};
}

// keep puts the statistics of a subnet into the supernet's.
void keep(const encas_model &m) {
	const auto stored = cut(m, m.subnet->plan.vec().data(), static_cast<int>(m.subnet->plan.size()));
	for (size_t i = 0; i < stored->statistics.size(); i++)
		stored->statistics.get(i).copy_(m.subnet->statistics.get(i));
}

// A Named is a parameter or a buffer of a module.
struct Named {
	std::string name;
	at::Tensor tensor;
};

std::vector<Named> parameters(const torch::jit::Module &module) {
	std::vector<Named> all;
	for (const auto &p : module.named_parameters())
		all.push_back({p.name, p.value});
	return all;
}

std::vector<Named> weights(const torch::jit::Module &module) {
	auto all = parameters(module);
	for (const auto &b : module.named_buffers())
		all.push_back({b.name, b.value});
	return all;
}

// python_type is what Python calls the type of a tensor's numbers.
std::string python_type(const at::Tensor &t) {
	switch (t.scalar_type()) {
	case at::kFloat: return "torch.float32";
	case at::kDouble: return "torch.float64";
	case at::kHalf: return "torch.float16";
	case at::kBFloat16: return "torch.bfloat16";
	case at::kLong: return "torch.int64";
	case at::kInt: return "torch.int32";
	case at::kByte: return "torch.uint8";
	case at::kBool: return "torch.bool";
	default: return c10::toString(t.scalar_type());
	}
}

// headline is the line before the numbers of a tensor.
std::string headline(const Named &n) {
	std::string s = std::to_string(n.tensor.nbytes()) + " " + n.name + " " + python_type(n.tensor) + " (";
	for (int64_t i = 0; i < n.tensor.dim(); i++)
		s += (i > 0 ? ", " : "") + std::to_string(n.tensor.size(i));
	return s + (n.tensor.dim() == 1 ? ",)\n" : ")\n");
}

// A Writer writes as much as there is room for all of it, or only counts.
class Writer {
public:
	Writer(uint8_t *data, int64_t room) : data_(data), room_(room) {}
	void put(const void *bytes, int64_t n) {
		if (size_ + n <= room_)
			std::memcpy(data_ + size_, bytes, static_cast<size_t>(n));
		size_ += n;
	}
	void put(const std::string &text) { put(text.data(), static_cast<int64_t>(text.size())); }
	void put(const Named &n) {
		put(headline(n));
		const auto bytes = static_cast<int64_t>(n.tensor.nbytes());
		if (size_ + bytes > room_)
			size_ += bytes; // a tensor on a GPU is not fetched in vain
		else
			put(n.tensor.detach().cpu().contiguous().data_ptr(), bytes);
	}
	int64_t size() const { return size_; }

private:
	uint8_t *data_;
	int64_t room_, size_ = 0;
};

// A Reader reads what a Writer wrote.
class Reader {
public:
	Reader(const uint8_t *data, int64_t size) : data_(data), left_(size) {}
	// next reports whether the next line is this, and goes behind it if so.
	bool next(const std::string &line) {
		const auto n = static_cast<int64_t>(line.size());
		if (n > left_ || std::memcmp(data_, line.data(), line.size()) != 0)
			return false;
		data_ += n;
		left_ -= n;
		return true;
	}
	// take returns a copy of the next numbers of a tensor that is like another one.
	at::Tensor take(const at::Tensor &like) {
		const auto n = static_cast<int64_t>(like.nbytes());
		if (n > left_)
			throw Status{ENCAS_ERROR, "the state is cut off"};
		auto t = at::empty(like.sizes(), at::TensorOptions().dtype(like.scalar_type()));
		if (n > 0)
			std::memcpy(t.data_ptr(), data_, static_cast<size_t>(n));
		data_ += n;
		left_ -= n;
		return t.to(like.device());
	}
	std::string rest() const { return {reinterpret_cast<const char *>(data_), static_cast<size_t>(left_)}; }

private:
	const uint8_t *data_;
	int64_t left_;
};

// write saves a supernet's file. Whatever device it is on and whether it is trained, the
// file is one of weights on a CPU that are not.
void write(const encas_model &m, const char *path, const char *encas_json) {
	struct Still {
		torch::jit::Module module;
		at::Device device;
		std::vector<at::Tensor> trained;
		Still(const encas_model &m) : module(m.module), device(m.device) {
			for (const auto &p : module.parameters())
				if (p.requires_grad())
					trained.push_back(p.set_requires_grad(false));
			if (!device.is_cpu())
				module.to(at::kCPU);
		}
		~Still() {
			if (!device.is_cpu())
				module.to(device);
			for (const auto &p : trained)
				p.set_requires_grad(true);
		}
	} still(m);
	still.module.save(path, {{"encas.json", encas_json}});
}

// average moves the weights of a supernet towards those of another.
void average(const encas_model &m, const encas_model &other, double share) {
	const auto mine = weights(m.module), theirs = weights(other.module);
	bool alike = mine.size() == theirs.size();
	for (size_t i = 0; alike && i < mine.size(); i++)
		alike = headline(mine[i]) == headline(theirs[i]);
	if (!alike)
		throw Status{ENCAS_ERROR, "the two files have not the same weights: they are of different supernets"};
	for (size_t i = 0; i < mine.size(); i++)
		if (mine[i].tensor.is_floating_point() && mine[i].tensor.numel() > 0)
			mine[i].tensor.lerp_(theirs[i].tensor.to(mine[i].tensor.device()), share);
}

} // namespace

struct encas_training {
	encas_model supernet; // shares the weights of the one it was begun with
	std::vector<Named> parameters;
	std::vector<at::Tensor> momenta; // of each parameter, undefined until it moves
	double momentum = 0, decay = 0, scale = 0;
	int64_t steady = 0; // updates since the scale changed

	~encas_training() {
		for (const auto &p : parameters) {
			p.tensor.mutable_grad() = at::Tensor();
			p.tensor.set_requires_grad(false);
		}
	}
};

namespace {

void drop_gradients(encas_training &t) {
	for (const auto &p : t.parameters)
		p.tensor.mutable_grad() = at::Tensor();
}

// step returns the loss of a batch, 0 without targets.
double step(encas_training &t, const int64_t *plan, int length, at::Tensor input, const float *targets,
            int classes, float *answers) {
	const encas_model &m = t.supernet;
	at::AutoGradMode gradients(targets != nullptr);
	const auto subnet = cut(m, plan, length);
	const int64_t n = input.size(0);
	at::Tensor logits;
	{
		Autocast autocast(m);
		const auto out = call(m, "observe", {std::move(input), subnet->plan, subnet->weights, false});
		if (!out.isTensorList() || out.toTensorList().empty())
			throw Status{ENCAS_ERROR, "the supernet's method observe does not return logits first"};
		logits = out.toTensorList().get(0);
	}
	if (logits.dim() != 2 || logits.size(0) != n || logits.size(1) != classes)
		throw Status{ENCAS_BAD_OUTPUT, "the output for " + std::to_string(n) + " images has shape " + shape(logits) +
		                                   " instead of [" + std::to_string(n) + ", " + std::to_string(classes) + "]"};
	logits = logits.to(at::kFloat);
	if (answers)
		at::from_blob(answers, {n, classes}, at::kFloat).copy_(at::softmax(logits.detach(), 1));
	if (!targets)
		return 0;
	const auto wanted = at::from_blob(const_cast<float *>(targets), {n, classes}, at::kFloat).to(m.device);
	const auto loss = at::cross_entropy_loss(logits, wanted);
	(t.scale > 0 ? loss * t.scale : loss).backward();
	return loss.item<double>();
}

// finite reports whether all numbers of some tensors are.
bool finite(const std::vector<at::Tensor> &tensors) {
	const auto norms = at::_foreach_norm(tensors, 2);
	return at::isfinite(at::stack(norms)).all().item<bool>();
}

// apply moves the parameters that have gradients, in the order of operations of
// torch.optim.SGD, and reports whether it did.
bool apply(encas_training &t, double rate) {
	std::vector<at::Tensor> moved, gradients, momenta, begun, added;
	for (size_t i = 0; i < t.parameters.size(); i++) {
		const auto gradient = t.parameters[i].tensor.grad();
		if (!gradient.defined())
			continue;
		moved.push_back(t.parameters[i].tensor);
		gradients.push_back(gradient);
	}
	if (moved.empty())
		throw Status{ENCAS_ERROR, "there are no gradients to apply"};
	if (t.scale > 0) {
		if (!finite(gradients)) {
			t.scale /= 2;
			t.steady = 0;
			drop_gradients(t);
			return false;
		}
		at::_foreach_mul_(gradients, 1 / t.scale);
		constexpr int64_t growth = 2000;
		if (++t.steady == growth) {
			t.scale *= 2;
			t.steady = 0;
		}
	}
	if (t.decay > 0)
		at::_foreach_add_(gradients, moved, t.decay);
	for (size_t i = 0, j = 0; i < t.parameters.size(); i++) {
		if (!t.parameters[i].tensor.grad().defined())
			continue;
		if (t.momenta[i].defined()) {
			begun.push_back(t.momenta[i]);
			added.push_back(gradients[j]);
		} else {
			t.momenta[i] = gradients[j].clone();
		}
		momenta.push_back(t.momenta[i]);
		j++;
	}
	if (!begun.empty()) {
		at::_foreach_mul_(begun, t.momentum);
		at::_foreach_add_(begun, added, 1);
	}
	at::_foreach_add_(gradients, momenta, t.momentum); // Nesterov's
	at::_foreach_add_(moved, gradients, -rate);
	drop_gradients(t);
	return true;
}

// of_momentum names the momentum of a parameter.
Named of_momentum(const Named &parameter, const at::Tensor &momentum) {
	return {"momentum of " + parameter.name, momentum};
}

void write_state(const encas_training &t, Writer &w) {
	for (const auto &n : weights(t.supernet.module))
		w.put(n);
	for (size_t i = 0; i < t.parameters.size(); i++)
		if (t.momenta[i].defined())
			w.put(of_momentum(t.parameters[i], t.momenta[i]));
	char end[128];
	std::snprintf(end, sizeof end, "scale %a steady %lld\n", t.scale, static_cast<long long>(t.steady));
	w.put(end);
}

void restore(encas_training &t, Reader r) {
	const auto stored = weights(t.supernet.module);
	std::vector<at::Tensor> values, momenta(t.parameters.size());
	for (const auto &n : stored) {
		if (!r.next(headline(n)))
			throw Status{ENCAS_ERROR, "the state is not one of this supernet: it lacks " + n.name};
		values.push_back(r.take(n.tensor));
	}
	for (size_t i = 0; i < t.parameters.size(); i++)
		if (r.next(headline(of_momentum(t.parameters[i], t.parameters[i].tensor))))
			momenta[i] = r.take(t.parameters[i].tensor);
	double scale = 0;
	long long steady = 0;
	int end = 0;
	const auto rest = r.rest();
	if (std::sscanf(rest.c_str(), "scale %la steady %lld%n", &scale, &steady, &end) != 2 ||
	    static_cast<size_t>(end) + 1 != rest.size() || !std::isfinite(scale) || scale < 0 || steady < 0)
		throw Status{ENCAS_ERROR, "the state is not one of this supernet: its end is something else"};
	drop_gradients(t);
	for (size_t i = 0; i < stored.size(); i++)
		stored[i].tensor.copy_(values[i]);
	t.momenta = std::move(momenta);
	t.scale = scale;
	t.steady = steady;
}

// Memory follows the bytes of tensors on one device. Torch's allocators report to
// it, whatever the device, which needs none of CUDA's headers. Versions.
class Memory : public c10::MemoryReportingInfoBase {
public:
#if ENCAS_TORCH_AT_LEAST(2, 0)
	using Total = size_t;
#else
	using Total = int64_t;
#endif
	explicit Memory(at::Device device) : device_(device.type()) {}
	void reportMemoryUsage(void *, int64_t bytes, Total, Total, c10::Device device) override {
		if (device.type() != device_)
			return;
		const int64_t now = now_ += bytes;
		int64_t peak = peak_;
		while (now > peak && !peak_.compare_exchange_weak(peak, now)) {
		}
	}
	bool memoryProfilingEnabled() const override { return true; }
	int64_t peak() const { return peak_; }

private:
	at::DeviceType device_;
	std::atomic<int64_t> now_{0}, peak_{0};
};

} // namespace

extern "C" {

int encas_torch_abi(void) { return ENCAS_TORCH_ABI; }

const char *encas_torch_version(void) { return TORCH_VERSION; }

int encas_torch_device(const char *device, encas_error *err) {
	return guarded(err, ENCAS_ERROR, [&] { at::zeros({1}, at::TensorOptions().device(at::Device(device))).cpu(); });
}

int encas_torch_threads(int threads, encas_error *err) {
	return guarded(err, ENCAS_ERROR, [&] { at::set_num_threads(threads); });
}

int encas_torch_load(const char *path, const char *device, int precision, encas_model **model,
                     encas_error *err) {
	return guarded(err, ENCAS_NOT_TORCHSCRIPT, [&] {
		auto m = std::make_unique<encas_model>();
		m->device = at::Device(device);
		m->precision = precision;
		if (precision == ENCAS_FLOAT16 && m->device.is_cpu())
			throw Status{ENCAS_ERROR, "float16 does not run on a CPU; use bfloat16 or float32"};
		m->module = torch::jit::load(path, m->device);
		m->module.eval();
		*model = m.release();
	});
}

int encas_torch_subnet(const encas_model *supernet, const int64_t *plan, int n, encas_model **model,
                       encas_error *err) {
	return guarded(err, ENCAS_ERROR, [&] {
		c10::InferenceMode inference;
		auto m = std::make_unique<encas_model>();
		m->module = supernet->module;
		m->device = supernet->device;
		m->precision = supernet->precision;
		m->subnet = cut(*supernet, plan, n);
		*model = m.release();
	});
}

int encas_torch_observe(encas_model *model, const uint8_t *pixels, int n, int height, int width,
                        const float *mean, const float *std, int unbiased, encas_error *err) {
	return guarded(err, ENCAS_ERROR, [&] {
		c10::InferenceMode inference;
		need_subnet(*model);
		observe(*model, images(*model, pixels, n, height, width, mean, std), unbiased != 0);
	});
}

int encas_torch_settle(encas_model *model, encas_error *err) {
	return guarded(err, ENCAS_ERROR, [&] {
		c10::InferenceMode inference;
		need_subnet(*model);
		settle(*model);
	});
}

int encas_torch_save(const encas_model *model, const char *path, const char *encas_json, encas_error *err) {
	return guarded(err, ENCAS_ERROR, [&] {
		at::NoGradGuard no_grad; // and no InferenceMode: its tensors cannot be constants
		need_subnet(*model);
		alone(*model).save(path, {{"encas.json", encas_json}});
	});
}

int encas_torch_keep(encas_model *model, encas_error *err) {
	return guarded(err, ENCAS_ERROR, [&] {
		at::NoGradGuard no_gradients;
		need_subnet(*model);
		keep(*model);
	});
}

int encas_torch_write(const encas_model *supernet, const char *path, const char *encas_json, encas_error *err) {
	return guarded(err, ENCAS_ERROR, [&] { write(*supernet, path, encas_json); });
}

int encas_torch_weights(const encas_model *model, uint8_t *data, int64_t room, int64_t *size, encas_error *err) {
	return guarded(err, ENCAS_ERROR, [&] {
		Writer w(data, room);
		for (const auto &n : weights(model->module))
			w.put(n);
		*size = w.size();
	});
}

int encas_torch_average(encas_model *model, const encas_model *other, double share, encas_error *err) {
	return guarded(err, ENCAS_ERROR, [&] {
		at::NoGradGuard no_gradients;
		average(*model, *other, share);
	});
}

void encas_torch_free(encas_model *model) { delete model; }

int64_t encas_torch_parameters(const encas_model *model) {
	encas_error ignored;
	int64_t n = 0;
	guarded(&ignored, ENCAS_ERROR, [&] {
		if (model->subnet) {
			for (const at::Tensor &w : model->subnet->weights)
				n += w.numel();
			return;
		}
		for (const auto &p : model->module.parameters())
			n += p.numel();
		if (n > 0)
			return;
		for (const auto *node : model->module.get_method("forward").graph()->nodes())
			if (node->kind() == c10::prim::Constant && node->hasAttribute(c10::attr::value) &&
			    node->kindOf(c10::attr::value) == torch::jit::AttributeKind::t &&
			    node->t(c10::attr::value).is_floating_point())
				n += node->t(c10::attr::value).numel();
	});
	return n;
}

int encas_torch_run(encas_model *model, const uint8_t *pixels, int n, int height, int width,
                    const float *mean, const float *std, uint16_t *probs, int classes,
                    encas_error *err) {
	return guarded(err, ENCAS_ERROR, [&] {
		c10::InferenceMode inference;
		auto out = rows(*model, pixels, n, height, width, mean, std);
		if (out.size(1) != classes)
			throw Status{ENCAS_BAD_OUTPUT, "the output for " + std::to_string(n) + " images has shape " + shape(out) +
			                                   " instead of [" + std::to_string(n) + ", " +
			                                   std::to_string(classes) + "]"};
		at::from_blob(probs, {n, classes}, at::kHalf).copy_(at::softmax(out, 1).to(at::kHalf));
	});
}

int encas_torch_outputs(encas_model *model, const uint8_t *pixels, int n, int height, int width,
                        const float *mean, const float *std, float *outputs, int64_t room,
                        int64_t *classes, encas_error *err) {
	return guarded(err, ENCAS_ERROR, [&] {
		c10::InferenceMode inference;
		auto out = rows(*model, pixels, n, height, width, mean, std);
		*classes = out.size(1);
		if (out.numel() <= room)
			at::from_blob(outputs, out.sizes(), at::kFloat).copy_(out);
	});
}

int encas_torch_count(encas_model *model, int height, int width, encas_counts *counts,
                      encas_error *err) {
	return guarded(err, ENCAS_ERROR, [&] {
		Count count;
		counting = &count;
		counting_error = nullptr;
		const auto handle = at::addThreadLocalCallback(
		    at::RecordFunctionCallback(count_one).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
		struct Stop {
			at::CallbackHandle handle;
			~Stop() {
				at::removeCallback(handle);
				counting = nullptr;
			}
		} stop{handle};
		forward(*model, black(*model, 1, height, width));
		if (counting_error)
			std::rethrow_exception(counting_error);
		counts->macs = count.macs + count.quantized;
		counts->fvcore = counts->macs + count.extra;
		counts->quantized = count.quantized;
	});
}

int encas_torch_memory(encas_model *model, int n, int height, int width, int64_t *bytes,
                       encas_error *err) {
	return guarded(err, ENCAS_ERROR, [&] {
		auto memory = std::make_shared<Memory>(model->device);
		{
			c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, memory);
			forward(*model, black(*model, n, height, width));
		}
		*bytes = memory->peak();
	});
}

int encas_torch_train(const encas_model *supernet, double momentum, double decay, double scale,
                      encas_training **training, encas_error *err) {
	return guarded(err, ENCAS_ERROR, [&] {
		need_methods(*supernet);
		auto t = std::make_unique<encas_training>();
		t->supernet.module = supernet->module;
		t->supernet.device = supernet->device;
		t->supernet.precision = supernet->precision;
		t->momentum = momentum;
		t->decay = decay;
		t->scale = scale;
		for (auto &p : parameters(supernet->module))
			if (p.tensor.is_floating_point() && p.tensor.numel() > 0)
				t->parameters.push_back({p.name, p.tensor.set_requires_grad(true)});
		t->momenta.resize(t->parameters.size());
		*training = t.release();
	});
}

int encas_torch_train_step(encas_training *training, const int64_t *plan, int length, const uint8_t *pixels,
                           int n, int height, int width, const float *mean, const float *std,
                           const float *targets, int classes, float *answers, double *loss, encas_error *err) {
	const int status = guarded(err, ENCAS_ERROR, [&] {
		// Pixels lie in the order of channels_last, in which convolutions train faster.
		auto input = images(training->supernet, pixels, n, height, width, mean, std).contiguous(at::MemoryFormat::ChannelsLast);
		const double l = step(*training, plan, length, std::move(input), targets, classes, answers);
		if (targets)
			*loss = l;
	});
	if (status != ENCAS_OK)
		drop_gradients(*training);
	return status;
}

int encas_torch_train_apply(encas_training *training, double rate, int *applied, encas_error *err) {
	return guarded(err, ENCAS_ERROR, [&] {
		at::NoGradGuard no_gradients;
		*applied = apply(*training, rate);
	});
}

int encas_torch_train_state(const encas_training *training, uint8_t *data, int64_t room, int64_t *size,
                            encas_error *err) {
	return guarded(err, ENCAS_ERROR, [&] {
		Writer w(data, room);
		write_state(*training, w);
		*size = w.size();
	});
}

int encas_torch_train_restore(encas_training *training, const uint8_t *data, int64_t size, encas_error *err) {
	return guarded(err, ENCAS_ERROR, [&] {
		at::NoGradGuard no_gradients;
		restore(*training, Reader(data, size));
	});
}

void encas_torch_train_free(encas_training *training) { delete training; }

} // extern "C"
