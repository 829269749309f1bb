#include "nn/safetensors.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "nn/files.h"
#include "nn/safetensors_header.h"
#include "nn/text.h"

namespace nn {
namespace {

constexpr uint64_t max_header_bytes = 100'000'000;  // the limit of the reference implementation
constexpr const char* hash_key = "content_hash";

struct FileDtype {
  const char* spelling;
  int64_t bytes;
  Dtype dtype;
};
// F16 comes after F32: spelling_of() takes the first match, so that F16 is read but never written.
constexpr FileDtype file_dtypes[] = {{"F32", 4, Dtype::f32}, {"F64", 8, Dtype::f64}, {"BF16", 2, Dtype::bf16}, {"I32", 4, Dtype::i32},
                                     {"I64", 8, Dtype::i64}, {"U8", 1, Dtype::u8},   {"F16", 2, Dtype::f32}};

const char* spelling_of(Dtype dtype) {
  for (const FileDtype& candidate : file_dtypes)
    if (candidate.dtype == dtype) return candidate.spelling;
  throw tensor::Error(fmt::format("safetensors has no dtype {}; convert the tensor to f32", tensor::name(dtype)));
}

[[noreturn]] void fail(const std::string& path, const std::string& fault) {
  throw tensor::Error(fmt::format("{} is not a whole safetensors file: {}", path, fault));
}

/// IEEE half to float, exactly.
float widen(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half >> 15) << 31, exponent = (half >> 10) & 31u, mantissa = half & 1023u;
  if (exponent == 0) {  // zero and subnormals: mantissa * 2^-24
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  const uint32_t word = sign | (exponent == 31 ? 255u : exponent + 112u) << 23 | mantissa << 13;
  float value;
  std::memcpy(&value, &word, 4);
  return value;
}

/// A header entry whose shape, dtype and offsets agree with each other and with the size of the data.
struct CheckedEntry {
  const FileDtype* dtype;
  Shape shape;
};

CheckedEntry check_entry(const HeaderEntry& entry, uint64_t data_bytes, const std::string& path) {
  const std::string name = printable(entry.name);
  const FileDtype* dtype = nullptr;
  for (const FileDtype& candidate : file_dtypes)
    if (entry.dtype == candidate.spelling) dtype = &candidate;
  if (!dtype)
    fail(path, fmt::format("tensor '{}' has dtype '{}', expected F32, F64, F16, BF16, I32, I64 or U8", name, printable(entry.dtype)));
  if (entry.shape.size() > static_cast<size_t>(Shape::max_rank))
    fail(path,
         fmt::format("tensor '{}' has {} axes, at most {} are supported", name, entry.shape.size(), static_cast<int>(Shape::max_rank)));
  if (entry.begin > entry.end) fail(path, fmt::format("tensor '{}' ends at byte {} before it begins at {}", name, entry.end, entry.begin));
  if (entry.end > data_bytes)
    fail(path, fmt::format("tensor '{}' ends at byte {} of the data, but the data has only {} bytes", name, entry.end, data_bytes));
  Shape shape;
  uint64_t bytes = dtype->bytes;
  for (const uint64_t extent : entry.shape) {
    if (extent > (uint64_t{1} << 62) || __builtin_mul_overflow(bytes, extent, &bytes) || bytes > (uint64_t{1} << 62))
      fail(path, fmt::format("the shape [{}] of tensor '{}' is too large", joined(entry.shape, ", "), name));
    shape.push_back(static_cast<int64_t>(extent));
  }
  if (bytes != entry.end - entry.begin)
    fail(path, fmt::format("tensor '{}' of shape {} and dtype {} needs {} bytes, its offsets span {}", name, shape.to_string(), entry.dtype,
                           bytes, entry.end - entry.begin));
  return {dtype, shape};
}

/// Checks that every byte of the data belongs to exactly one tensor.
void check_cover(const Header& header, uint64_t data_bytes, const std::string& path) {
  std::vector<const HeaderEntry*> order;
  for (const HeaderEntry& entry : header.entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](const HeaderEntry* a, const HeaderEntry* b) { return a->begin != b->begin ? a->begin < b->begin : a->end < b->end; });
  uint64_t covered = 0;
  for (const HeaderEntry* entry : order) {
    if (entry->begin != covered)
      fail(path, fmt::format("tensor '{}' begins at byte {} of the data, expected {} ({})", printable(entry->name), entry->begin, covered,
                             entry->begin < covered ? "it overlaps another tensor" : "there is a gap"));
    covered = entry->end;
  }
  if (covered != data_bytes) fail(path, fmt::format("its tensors end at byte {} of the data, which has {} bytes", covered, data_bytes));
}

Tensor read_tensor(const InputFile& file, uint64_t offset, const CheckedEntry& entry) {
  Tensor result(entry.shape, entry.dtype->dtype);
  const int64_t bytes = entry.shape.numel() * entry.dtype->bytes;
  if (entry.dtype->bytes == tensor::size_of(entry.dtype->dtype)) {
    file.read(offset, result.raw(), bytes);
    return result;
  }
  std::vector<uint16_t> halves(entry.shape.numel());
  file.read(offset, halves.data(), bytes);
  float* out = result.data<float>();
  for (size_t i = 0; i < halves.size(); ++i) out[i] = widen(halves[i]);
  return result;
}

class Hash {
 public:
  Hash() { XXH3_64bits_reset(&state_); }
  void number(int64_t value) { XXH3_64bits_update(&state_, &value, sizeof value); }
  void text(const std::string& text) {  // the length comes first, so that "a" + "bc" differs from "ab" + "c"
    number(static_cast<int64_t>(text.size()));
    XXH3_64bits_update(&state_, text.data(), text.size());
  }
  void tensors(const std::map<std::string, Tensor>& tensors) {
    number(static_cast<int64_t>(tensors.size()));
    for (const auto& [name, tensor] : tensors) {
      text(name);
      text(std::string(tensor::name(tensor.dtype())));
      number(tensor.rank());
      for (int axis = 0; axis < tensor.rank(); ++axis) number(tensor.dim(axis));
      XXH3_64bits_update(&state_, tensor.raw(), tensor.bytes());
    }
  }
  std::string digits() const { return fmt::format("{:016x}", XXH3_64bits_digest(&state_)); }

 private:
  alignas(64) XXH3_state_t state_{};
};

}  // namespace

TensorFile read_safetensors(const std::string& path) {
  const InputFile file(path);
  const uint64_t file_bytes = file.size();
  if (file_bytes == 0) fail(path, "it is empty");
  if (file_bytes < 8) fail(path, fmt::format("it has {} bytes, fewer than the 8 of the header length", file_bytes));
  uint64_t header_bytes = 0;
  file.read(0, &header_bytes, 8);
  if (header_bytes > file_bytes - 8)
    fail(path, fmt::format("it claims a header of {} bytes, but only {} follow", header_bytes, file_bytes - 8));
  if (header_bytes > max_header_bytes)
    fail(path, fmt::format("it claims a header of {} bytes, at most {} are allowed", header_bytes, max_header_bytes));

  std::string text(header_bytes, '\0');
  file.read(8, text.data(), header_bytes);
  Header header;
  try {
    header = parse_header(text);
  } catch (const tensor::Error& error) {
    fail(path, error.what());
  }
  const uint64_t data_begin = 8 + header_bytes, data_bytes = file_bytes - data_begin;
  std::vector<CheckedEntry> checked;
  for (const HeaderEntry& entry : header.entries) checked.push_back(check_entry(entry, data_bytes, path));
  check_cover(header, data_bytes, path);  // before any allocation: tensors that do not overlap cannot be larger than the file

  TensorFile result;
  result.metadata = std::move(header.metadata);
  for (size_t i = 0; i < checked.size(); ++i)
    result.tensors.emplace(header.entries[i].name, read_tensor(file, data_begin + header.entries[i].begin, checked[i]));
  const auto claimed = result.metadata.find(hash_key);
  if (claimed != result.metadata.end()) {
    const std::string actual = content_hash(result);
    if (claimed->second != actual)
      fail(
          path,
          fmt::format(
              "its content hash is {}, but {} was written: the file has changed since; use another copy, or remove {} from its metadata if "
              "the change was intended",
              actual, printable(claimed->second), hash_key));
  }
  return result;
}

void write_safetensors(const std::string& path, const TensorFile& file) {
  std::vector<std::pair<std::string, Tensor>> order(file.tensors.begin(), file.tensors.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return tensor::size_of(a.second.dtype()) > tensor::size_of(b.second.dtype()); });
  Header header;
  header.metadata = file.metadata;
  uint64_t offset = 0;
  for (const auto& [name, tensor] : order) {
    CHECK(name != "__metadata__", "cannot write {}: no tensor may be called __metadata__; rename it", path);
    CHECK(tensor.defined(), "cannot write {}: tensor '{}' is undefined; give it a value", path, name);
    CHECK(tensor.device().is_cpu(), "cannot write {}: tensor '{}' is on {}; copy it to the cpu first", path, name,
          tensor.device().to_string());
    HeaderEntry entry{.name = name, .dtype = spelling_of(tensor.dtype()), .shape = {}, .begin = offset, .end = offset + tensor.bytes()};
    for (int axis = 0; axis < tensor.rank(); ++axis) entry.shape.push_back(tensor.dim(axis));
    offset = entry.end;
    header.entries.push_back(std::move(entry));
  }
  const std::string text = format_header(header);
  const uint64_t header_bytes = text.size();
  AtomicFile out(path);
  out.write(&header_bytes, 8);
  out.write(text.data(), static_cast<int64_t>(text.size()));
  for (const auto& [name, tensor] : order) out.write(tensor.raw(), tensor.bytes());
  out.commit();
}

std::string content_hash(const std::map<std::string, Tensor>& tensors) {
  Hash hash;
  hash.tensors(tensors);
  return hash.digits();
}

std::string content_hash(const TensorFile& file) {
  Hash hash;
  hash.tensors(file.tensors);
  for (const auto& [key, value] : file.metadata) {
    if (key == hash_key) continue;
    hash.text(key);
    hash.text(value);
  }
  return hash.digits();
}

void add_content_hash(TensorFile& file) { file.metadata[hash_key] = content_hash(file); }

}  // namespace nn
