#include "nn/data/mat.h"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "nn/files.h"
#include "nn/text.h"
#include "tensor/check.h"

namespace nn {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied without byte swaps");

constexpr int64_t max_file_bytes = int64_t{1} << 31;
constexpr int64_t max_elements = int64_t{1} << 31;  // of an array; a further extent of 32 bits cannot overflow int64
constexpr int64_t max_inflation = 1032;             // the most bytes that deflate expands one byte to
constexpr size_t header_bytes = 128, max_arrays = 1000, max_axes = 8, max_name_bytes = 1000;

enum Type : uint32_t {
  int8 = 1,
  uint8,
  int16,
  uint16,
  int32,
  uint32,
  single,
  float64 = 9,
  int64 = 12,
  uint64,
  matrix,
  compressed
};  // type of a data element

int64_t type_bytes(uint32_t type) {
  switch (type) {
    case int8:
    case uint8:
      return 1;
    case int16:
    case uint16:
      return 2;
    case int32:
    case uint32:
    case single:
      return 4;
    case float64:
    case int64:
    case uint64:
      return 8;
    default:
      return 0;
  }
}

// Array classes 6 .. 15 are numbers. Classes above 15 have another kind of header.
constexpr uint32_t class_double = 6, class_uint8 = 9, class_uint64 = 15, class_function = 16;

uint32_t word(const uint8_t* bytes) {
  uint32_t value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

template <class T>
double number_at(const uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(value));
  return static_cast<double>(value);
}

double number(uint32_t type, const uint8_t* bytes) {
  switch (type) {
    case int8:
      return number_at<int8_t>(bytes);
    case uint8:
      return number_at<uint8_t>(bytes);
    case int16:
      return number_at<int16_t>(bytes);
    case uint16:
      return number_at<uint16_t>(bytes);
    case int32:
      return number_at<int32_t>(bytes);
    case uint32:
      return number_at<uint32_t>(bytes);
    case single:
      return number_at<float>(bytes);
    case float64:
      return number_at<double>(bytes);
    case int64:
      return number_at<int64_t>(bytes);
    default:
      return number_at<uint64_t>(bytes);
  }
}

}  // namespace

struct MatFile::Array {
  size_t offset = 0, bytes = 0;  // of the element's data in the file
  bool is_compressed = false;
  std::string name;
  uint32_t array_class = 0;
  bool is_complex = false;
  std::vector<int64_t> shape;
  int64_t count = 0;
};

// The data of an element, plain or inflated on demand.
class MatFile::Source {
 public:
  Source(const MatFile& file, const Array& array) : file_(file), next_(file.bytes_.data() + array.offset), left_(array.bytes) {
    if (!array.is_compressed) return;
    stream_ = std::make_unique<z_stream>();
    stream_->next_in = const_cast<uint8_t*>(next_);
    stream_->avail_in = left_;
    if (inflateInit(stream_.get()) != Z_OK) file_.fail("zlib failed to start");
  }
  ~Source() {
    if (stream_ != nullptr) inflateEnd(stream_.get());
  }
  Source(const Source&) = delete;

  void read(uint8_t* to, size_t count) {
    if (count > 0 && (stream_ == nullptr ? take(to, count) : inflate_some(to, count)) < count)
      file_.fail("an array ends before its header says; the file is damaged or truncated");
  }

  // Data of at most 4 bytes may be stored inside the tag.
  struct Tag {
    uint32_t type, bytes;
    bool in_tag;
    uint8_t data[4];
  };
  Tag tag() {
    uint8_t bytes[8];
    read(bytes, 8);
    Tag tag{word(bytes), word(bytes + 4), false, {}};
    if (tag.type >> 16 == 0) return tag;
    tag = {tag.type & 0xffff, tag.type >> 16, true, {bytes[4], bytes[5], bytes[6], bytes[7]}};
    if (tag.bytes > 4) file_.fail(fmt::format("a short element claims {} bytes; the file is damaged", tag.bytes));
    return tag;
  }
  // Reads an element of that type and at most `max_bytes` bytes, with its padding to a multiple of 8.
  std::vector<uint8_t> element(uint32_t type, size_t max_bytes, const char* what) {
    const Tag head = tag();
    if (head.type != type || head.bytes > max_bytes)
      file_.fail(fmt::format("{} of an array has type {} and {} bytes; the file is damaged", what, head.type, head.bytes));
    if (head.in_tag) return {head.data, head.data + head.bytes};
    std::vector<uint8_t> data((head.bytes + 7) / 8 * 8);
    read(data.data(), data.size());
    data.resize(head.bytes);
    return data;
  }
  // Reads to the end, where zlib verifies the checksum of a compressed array.
  void finish() {
    uint8_t rest[16];
    if (stream_ == nullptr) return;
    if (inflate_some(rest, sizeof(rest)) > 8) file_.fail("an array is longer than its header says; the file is damaged");
    if (!ended_) file_.fail("a compressed array is truncated; the file is damaged");
  }

 private:
  size_t take(uint8_t* to, size_t count) {
    if (left_ < count) return 0;
    std::memcpy(to, next_, count);
    next_ += count;
    left_ -= count;
    return count;
  }
  // Inflates up to `count` bytes; returns their number.
  size_t inflate_some(uint8_t* to, size_t count) {
    stream_->next_out = to;
    stream_->avail_out = count;
    while (stream_->avail_out > 0 && !ended_) {
      const int status = inflate(stream_.get(), Z_NO_FLUSH);
      ended_ = status == Z_STREAM_END;
      if (status == Z_BUF_ERROR) break;  // the input ended
      if (!ended_ && status != Z_OK)
        file_.fail(fmt::format("a compressed array is damaged ({})", stream_->msg == nullptr ? "no reason given" : stream_->msg));
    }
    return count - stream_->avail_out;
  }

  const MatFile& file_;
  const uint8_t* next_;
  size_t left_;
  std::unique_ptr<z_stream> stream_;
  bool ended_ = false;
};

MatFile::MatFile(const std::string& path) : path_(path), bytes_(read_file(path, max_file_bytes)) {
  const std::string start(bytes_.begin(), bytes_.begin() + std::min(bytes_.size(), header_bytes));
  if (start.rfind("MATLAB 7.3", 0) == 0 || start.rfind("\x89HDF", 0) == 0)
    fail("it is a MAT 7.3 file (HDF5), expected Level 5; in MATLAB: save(..., '-v7')");
  if (bytes_.size() < header_bytes)
    fail(fmt::format("it has {} bytes, expected at least 128; the file is truncated or not a MAT-file", bytes_.size()));
  if (start.compare(126, 2, "MI") == 0) fail("it is a big-endian MAT-file; save it again on a little-endian machine");
  if (start.compare(126, 2, "IM") != 0 || start.compare(124, 2, std::string("\x00\x01", 2)) != 0)
    fail("its header is not that of a Level 5 MAT-file; in MATLAB: save(..., '-v7')");
  for (size_t at = header_bytes; at < bytes_.size();) {
    if (arrays_.size() == max_arrays) fail(fmt::format("it has more than {} arrays", max_arrays));
    if (bytes_.size() - at < 8) fail(fmt::format("it is truncated after {} bytes; copy the file again", bytes_.size()));
    const uint32_t type = word(bytes_.data() + at), bytes = word(bytes_.data() + at + 4);
    at += 8;
    if (type != matrix && type != compressed) fail(fmt::format("an element of type {} at byte {}; the file is damaged", type, at - 8));
    if (bytes > bytes_.size() - at)
      fail(fmt::format("it is truncated: the array at byte {} claims {} bytes, but {} follow; copy the file again", at - 8, bytes,
                       bytes_.size() - at));
    Array array;
    array.offset = at;
    array.bytes = bytes;
    array.is_compressed = type == compressed;
    at += bytes;
    if (bytes == 0) continue;  // an empty array
    const std::unique_ptr<Source> source = std::make_unique<Source>(*this, array);
    if (array.is_compressed && source->tag().type != matrix) fail("a compressed element holds no array; the file is damaged");
    const Array header = read_header(*source);
    array.name = header.name;
    array.array_class = header.array_class;
    array.is_complex = header.is_complex;
    array.shape = header.shape;
    array.count = header.count;
    arrays_.push_back(array);
  }
}

MatFile::~MatFile() = default;

// Array flags (class, complex flag), dimensions, name.
MatFile::Array MatFile::read_header(Source& source) const {
  Array array;
  const std::vector<uint8_t> flags = source.element(uint32, 8, "the flags");
  if (flags.size() != 8) fail("the flags of an array are truncated; the file is damaged");
  array.array_class = flags[0];
  array.is_complex = (flags[1] & 8) != 0;
  if (array.array_class >= class_function) return array;
  const std::vector<uint8_t> axes = source.element(int32, max_axes * 4, "the shape");
  array.count = 1;
  for (size_t at = 0; at + 4 <= axes.size(); at += 4) {
    const auto extent = static_cast<int32_t>(word(axes.data() + at));
    if (extent < 0 || (array.count *= extent) > max_elements) fail("the shape of an array is out of range; the file is damaged");
    array.shape.push_back(extent);
  }
  const std::vector<uint8_t> name = source.element(int8, max_name_bytes, "the name");
  array.name.assign(name.begin(), name.end());
  return array;
}

void MatFile::fail(const std::string& fault) const { throw tensor::Error(fmt::format("cannot read {}: {}", printable(path_), fault)); }

const MatFile::Array& MatFile::find(const std::string& name) const {
  const Array* found = nullptr;
  std::vector<std::string> names;
  for (const Array& array : arrays_) {
    if (names.size() < 10) names.push_back("'" + printable(array.name) + "'");
    if (array.name != name) continue;
    if (found != nullptr) fail(fmt::format("it has two arrays '{}', expected one", name));
    found = &array;
  }
  if (found == nullptr) fail(fmt::format("it has no array '{}' (arrays: {})", name, names.empty() ? "none" : joined(names)));
  if (found->array_class < class_double || found->array_class > class_uint64 || found->is_complex)
    fail(fmt::format("'{}' does not hold real numbers; expected a numeric array", name));
  return *found;
}

const std::vector<int64_t>& MatFile::shape(const std::string& name) const { return find(name).shape; }

std::unique_ptr<MatFile::Source> MatFile::open(const Array& array) const {
  auto source = std::make_unique<Source>(*this, array);
  if (array.is_compressed) source->tag();
  read_header(*source);
  return source;
}

std::vector<double> MatFile::numbers(const std::string& name) const {
  const Array& array = find(name);
  const std::unique_ptr<Source> source = open(array);
  const Source::Tag tag = source->tag();
  const int64_t width = type_bytes(tag.type);
  if (width == 0 || array.count * width != tag.bytes)
    fail(fmt::format("'{}' has {} numbers, but {} bytes of type {}; the file is damaged", name, array.count, tag.bytes, tag.type));
  if (!tag.in_tag && tag.bytes / max_inflation > static_cast<int64_t>(array.bytes))
    fail(fmt::format("'{}' claims {} bytes, more than {} compressed bytes can hold; the file is damaged", name, tag.bytes, array.bytes));
  std::vector<uint8_t> bytes(tag.data, tag.data + (tag.in_tag ? tag.bytes : 0));
  bytes.resize(tag.bytes);
  if (!tag.in_tag) source->read(bytes.data(), bytes.size());
  source->finish();
  std::vector<double> numbers;
  numbers.reserve(array.count);
  for (size_t at = 0; at < bytes.size(); at += width) numbers.push_back(number(tag.type, bytes.data() + at));
  return numbers;
}

MatFile::Bytes::Bytes(const MatFile& file, const std::string& name) : file_(file), array_(file.find(name)), source_(file.open(array_)) {
  if (array_.array_class != class_uint8) file_.fail(fmt::format("'{}' does not have class uint8; expected the official file", name));
  const Source::Tag tag = source_->tag();
  if (tag.type != uint8 || tag.in_tag || tag.bytes != array_.count || tag.bytes / max_inflation > static_cast<int64_t>(array_.bytes))
    file_.fail(fmt::format("'{}' has {} elements, but {} bytes of type {} in {}; the file is damaged", name, array_.count, tag.bytes,
                           tag.type, array_.bytes));
}
MatFile::Bytes::~Bytes() = default;
int64_t MatFile::Bytes::count() const { return array_.count; }
void MatFile::Bytes::read(uint8_t* to, int64_t count) { source_->read(to, count); }
void MatFile::Bytes::finish() { source_->finish(); }

}  // namespace nn
