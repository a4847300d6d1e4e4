// A REHEARSAL, not CANN: stands in for libascendcl.so, libacl_op_compiler.so and libfmk_onnx_parser.so, so that the
// execution provider of the wheel onnxruntime-cann starts on a machine without an Ascend, takes its options and
// partitions graphs. "Device" memory is the host's. It computes nothing by itself: a compiled graph is handed to whoever
// registered with stand_in_register(), and a single operator always fails. CANN_STAND_IN_EXECUTOR names a Python file
// that registers; without one nothing compiles.
//
// What it is asked is appended, a line each, to the file named by CANN_STAND_IN_RECORD. CANN_STAND_IN_DEVICES is the
// number of devices, 1 unless set. Signatures: CANN's acl.h and ge_ir_build.h; symbols: nm -D on the wheel's
// libonnxruntime_providers_cann.so 1.24.4 (59 of acl, 8 of ge).
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {
constexpr int kInvalidParameter = 100000, kInvalidDevice = 107001, kUnsupported = 100028, kGraphFailed = -1;

void record(const std::string& line) {
  if (const char* path = std::getenv("CANN_STAND_IN_RECORD")) {
    if (FILE* file = std::fopen(path, "a")) {
      std::fprintf(file, "%s\n", line.c_str());
      std::fclose(file);
    }
  }
}

unsigned devices() {
  const char* text = std::getenv("CANN_STAND_IN_DEVICES");
  return text ? static_cast<unsigned>(std::atoi(text)) : 1;
}

struct Dims {  // aclmdlIODims
  char name[128];
  size_t count;
  int64_t dims[128];
};

struct Model {  // filled in by the registered loader
  int inputs;
  size_t input_bytes[128];
  int outputs;
  size_t output_bytes[128];
  Dims output_dims[128];
};

using Load = int (*)(int, const char*, size_t, Model*);
using Run = int (*)(int, void**, void**);
Load load = nullptr;
Run run = nullptr;
std::vector<std::unique_ptr<Model>> models;
int current_device = 0;

struct Buffer {
  void* data;
  size_t size;
};
struct Desc {
  std::vector<int64_t> dims;
  int type;
};
using Dataset = std::vector<Buffer*>;

size_t size_of(int type) {
  static const std::map<int, size_t> sizes{{0, 4}, {1, 2}, {2, 1}, {3, 4}, {4, 1}, {6, 2}, {7, 2},
                                           {8, 4}, {9, 8}, {10, 8}, {11, 8}, {12, 1}, {27, 2}};
  auto found = sizes.find(type);
  return found == sizes.end() ? 0 : found->second;
}

int allocate(void** where, size_t size) { return posix_memalign(where, 64, size ? size : 64); }

int execute(uint32_t id, const Dataset* in, const Dataset* out) {
  std::vector<void*> from, to;
  for (auto* buffer : *in) from.push_back(buffer->data);
  for (auto* buffer : *out) to.push_back(buffer->data);
  return run ? run(static_cast<int>(id), from.data(), to.data()) : kUnsupported;
}
}  // namespace

namespace ge {
struct AscendString {
  std::shared_ptr<std::string> name;
  AscendString(const char* text);
  bool operator<(const AscendString& other) const;
};
struct Graph {
  std::shared_ptr<std::string> impl;
  Graph(const char* name);
};
struct ModelBufferData {
  std::shared_ptr<uint8_t> data;
  uint64_t length;
};
using Options = std::map<AscendString, AscendString>;

AscendString::AscendString(const char* text) : name(std::make_shared<std::string>(text ? text : "")) {}
bool AscendString::operator<(const AscendString& other) const { return *name < *other.name; }
Graph::Graph(const char* name) { record(std::string("graph ") + name); }

uint32_t aclgrphBuildInitialize(Options& options) {
  for (auto& [key, value] : options) record("option " + *key.name + "=" + *value.name);
  return 0;
}
void aclgrphBuildFinalize() {}
uint32_t aclgrphParseONNXFromMem(const char* bytes, size_t size, const Options&, Graph& graph) {
  record("parse " + std::to_string(size) + " bytes");
  if (!load) return static_cast<uint32_t>(kGraphFailed);
  graph.impl = std::make_shared<std::string>(bytes, size);
  return 0;
}
uint32_t aclgrphBuildModel(const Graph& graph, const Options&, ModelBufferData& model) {
  auto* copy = new uint8_t[graph.impl->size()];
  std::memcpy(copy, graph.impl->data(), graph.impl->size());
  model.data = std::shared_ptr<uint8_t>(copy, std::default_delete<uint8_t[]>());
  model.length = graph.impl->size();
  return 0;
}
uint32_t aclgrphSaveModel(const char*, const ModelBufferData&) { return 0; }
}  // namespace ge

extern "C" {
void stand_in_register(Load loader, Run runner) { load = loader, run = runner; }

int aclInit(const char*) {
  record("aclInit");
  const char* path = std::getenv("CANN_STAND_IN_EXECUTOR");
  auto lock = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "PyGILState_Ensure"));
  auto unlock = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "PyGILState_Release"));
  auto python = reinterpret_cast<int (*)(const char*)>(dlsym(RTLD_DEFAULT, "PyRun_SimpleString"));
  if (!path || !lock || !unlock || !python) return 0;
  int state = lock();
  int status = python((std::string("import runpy; stand_in = runpy.run_path('") + path + "')").c_str());
  return unlock(state), status;
}
int aclFinalize() { return 0; }
const char* aclGetRecentErrMsg() { return "the stand-in for CANN computes nothing"; }
const char* aclrtGetSocName() { return "Ascend910B1"; }
int aclrtGetDeviceCount(uint32_t* count) { return *count = devices(), 0; }
int aclrtSetDevice(int device) {
  record("device " + std::to_string(device));
  if (device < 0 || static_cast<unsigned>(device) >= devices()) return kInvalidDevice;
  return current_device = device, 0;
}
int aclrtGetDevice(int* device) { return *device = current_device, 0; }
int aclrtSynchronizeDevice() { return 0; }

int aclrtMalloc(void** where, size_t size, int) { return allocate(where, size); }
int aclrtMallocHost(void** where, size_t size) { return allocate(where, size); }
int aclrtFree(void* where) { return std::free(where), 0; }
int aclrtFreeHost(void* where) { return std::free(where), 0; }
int aclrtMemcpy(void* to, size_t, const void* from, size_t count, int) { return std::memcpy(to, from, count), 0; }
int aclrtMemcpyAsync(void* to, size_t, const void* from, size_t count, int, void*) {
  return std::memcpy(to, from, count), 0;
}
int aclrtMemsetAsync(void* where, size_t, int value, size_t count, void*) {
  return std::memset(where, value, count), 0;
}

int aclrtCreateStream(void** stream) { return *stream = new char, 0; }
int aclrtDestroyStream(void* stream) { return delete static_cast<char*>(stream), 0; }
int aclrtSynchronizeStream(void*) { return 0; }
int aclrtCreateEvent(void** event) { return *event = new char, 0; }
int aclrtDestroyEvent(void* event) { return delete static_cast<char*>(event), 0; }
int aclrtRecordEvent(void*, void*) { return 0; }
int aclrtStreamWaitEvent(void*, void*) { return 0; }
int aclrtSynchronizeEvent(void*) { return 0; }

size_t aclDataTypeSize(int type) { return size_of(type); }
void* aclCreateDataBuffer(void* data, size_t size) { return new Buffer{data, size}; }
int aclDestroyDataBuffer(const void* buffer) { return delete static_cast<const Buffer*>(buffer), 0; }
void* aclGetDataBufferAddr(const void* buffer) { return static_cast<const Buffer*>(buffer)->data; }
void* aclCreateTensorDesc(int type, int count, const int64_t* dims, int) {
  return new Desc{std::vector<int64_t>(dims, dims + count), type};
}
void aclDestroyTensorDesc(const void* desc) { delete static_cast<const Desc*>(desc); }
size_t aclGetTensorDescNumDims(const void* desc) { return static_cast<const Desc*>(desc)->dims.size(); }
int aclGetTensorDescDimV2(const void* desc, size_t index, int64_t* size) {
  return *size = static_cast<const Desc*>(desc)->dims.at(index), 0;
}
size_t aclGetTensorDescSize(const void* desc) {
  auto* one = static_cast<const Desc*>(desc);
  size_t size = size_of(one->type);
  for (auto dim : one->dims) size *= static_cast<size_t>(dim);
  return size;
}
int aclSetTensorConst(void*, void*, size_t) { return 0; }

void* aclopCreateAttr() { return new char; }
void aclopDestroyAttr(const void* attr) { delete static_cast<const char*>(attr); }
int aclopSetAttrBool(void*, const char*, uint8_t) { return 0; }
int aclopSetAttrFloat(void*, const char*, float) { return 0; }
int aclopSetAttrInt(void*, const char*, int64_t) { return 0; }
int aclopSetAttrListInt(void*, const char*, int, const int64_t*) { return 0; }
int aclopSetAttrString(void*, const char*, const char*) { return 0; }
int aclopCompileAndExecute(const char* type, int, const void* const[], const void* const[], int, const void* const[],
                           void* const[], const void*, int, int, const char*, void*) {
  return record(std::string("operator ") + type), kUnsupported;
}

int aclmdlLoadFromFile(const char* path, uint32_t*) { return record(std::string("load ") + path), kInvalidParameter; }
int aclmdlLoadFromMem(const void* bytes, size_t size, uint32_t* id) {
  auto model = std::make_unique<Model>();
  *id = static_cast<uint32_t>(models.size());
  int status = load ? load(static_cast<int>(*id), static_cast<const char*>(bytes), size, model.get()) : kUnsupported;
  models.push_back(std::move(model));
  return status;
}
int aclmdlUnload(uint32_t) { return 0; }
void* aclmdlCreateDesc() { return new Model*(nullptr); }
int aclmdlDestroyDesc(void* desc) { return delete static_cast<Model**>(desc), 0; }
int aclmdlGetDesc(void* desc, uint32_t id) { return *static_cast<Model**>(desc) = models.at(id).get(), 0; }
size_t aclmdlGetNumInputs(void* desc) { return static_cast<size_t>((*static_cast<Model**>(desc))->inputs); }
size_t aclmdlGetNumOutputs(void* desc) { return static_cast<size_t>((*static_cast<Model**>(desc))->outputs); }
size_t aclmdlGetInputSizeByIndex(void* desc, size_t i) { return (*static_cast<Model**>(desc))->input_bytes[i]; }
size_t aclmdlGetOutputSizeByIndex(void* desc, size_t i) { return (*static_cast<Model**>(desc))->output_bytes[i]; }
int aclmdlGetOutputDims(const void* desc, size_t i, Dims* dims) {
  return *dims = (*static_cast<Model* const*>(desc))->output_dims[i], 0;
}
void* aclmdlCreateDataset() { return new Dataset; }
int aclmdlDestroyDataset(const void* set) { return delete static_cast<const Dataset*>(set), 0; }
int aclmdlAddDatasetBuffer(void* set, void* buffer) {
  return static_cast<Dataset*>(set)->push_back(static_cast<Buffer*>(buffer)), 0;
}
void* aclmdlGetDatasetBuffer(const void* set, size_t i) { return static_cast<const Dataset*>(set)->at(i); }
void* aclmdlGetDatasetTensorDesc(const void*, size_t) { return nullptr; }
int aclmdlExecute(uint32_t id, const void* in, void* out) {
  return execute(id, static_cast<const Dataset*>(in), static_cast<Dataset*>(out));
}
int aclmdlExecuteAsync(uint32_t id, const void* in, void* out, void*) {
  return execute(id, static_cast<const Dataset*>(in), static_cast<Dataset*>(out));
}
}
