// safetensors: round trips, and one-line errors for damaged files.

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstring>
#include <set>

#include "nn/files.h"
#include "nn/safetensors.h"
#include "tests/errors.h"
#include "tests/temporary.h"

namespace {

using nn::Dtype;
using nn::Shape;
using nn::Tensor;
using nn::TensorFile;

std::string file_of(const std::string& header, const std::string& data) {
  const uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

class Safetensors : public testing::Test {
 protected:
  TemporaryDirectory directory;
  const std::string path = directory / "file.safetensors";

  std::string read_fault() const {
    return message_of([&] { nn::read_safetensors(path); });
  }
  std::string fault(const std::string& bytes) const {
    write_bytes(path, bytes);
    return read_fault();
  }
  /// Reads a file of that header and data_bytes zero bytes.
  void expect_fault(const std::string& header, size_t data_bytes, const std::string& expected) {
    const std::string message = fault(file_of(header, std::string(data_bytes, '\0')));
    EXPECT_NE(message.find(expected), std::string::npos) << "header " << header << "\nmessage: " << message;
    EXPECT_NE(message.find(path), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
};

TensorFile small_file() {
  TensorFile file;
  file.tensors["b.f32"] = Tensor::from<float>({1, -2, 3.5f, 0, 5, 6}, {2, 3});
  file.tensors["a.f64"] = Tensor::from<double>({1e300, -0.0, 3}, {3});
  file.tensors["c.bf16"] = Tensor::from<tensor::bfloat16>({tensor::bfloat16(1.5f), tensor::bfloat16(-3)}, {2});
  file.tensors["d.i32"] = Tensor::from<int32_t>({-7}, {1, 1});
  file.tensors["e.i64"] = Tensor::from<int64_t>({int64_t{1} << 40}, {});
  file.tensors["f.u8"] = Tensor::from<uint8_t>({0, 255, 7}, {3, 1, 1});
  file.tensors["g.empty"] = Tensor(Shape{0, 5}, Dtype::f32);
  file.metadata = {{"arch", "a \"quoted\" name"}, {"lines", "one\ntwo"}, {"umlaut", "\xc3\xa4"}};
  return file;
}

void expect_equal(const TensorFile& a, const TensorFile& b) {
  EXPECT_EQ(a.metadata, b.metadata);
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (const auto& [name, tensor] : a.tensors) {
    ASSERT_TRUE(b.tensors.count(name)) << name;
    const Tensor& other = b.tensors.at(name);
    ASSERT_EQ(tensor.shape(), other.shape()) << name;
    ASSERT_EQ(tensor.dtype(), other.dtype()) << name;
    EXPECT_EQ(std::memcmp(tensor.raw(), other.raw(), static_cast<size_t>(tensor.bytes())), 0) << name;
  }
}

TEST_F(Safetensors, RoundTripOfEveryDtype) {
  const TensorFile file = small_file();
  nn::write_safetensors(path, file);
  expect_equal(file, nn::read_safetensors(path));
  EXPECT_EQ(directory.files(), 1);
}

TEST_F(Safetensors, EmptyFileOfTensorsAndOneWithoutMetadata) {
  nn::write_safetensors(path, {});
  EXPECT_TRUE(nn::read_safetensors(path).tensors.empty());
  TensorFile one;
  one.tensors["x"] = Tensor::full({1}, 3);
  nn::write_safetensors(path, one);
  expect_equal(one, nn::read_safetensors(path));
}

TEST_F(Safetensors, TensorsAreAlignedToTheirElements) {
  nn::write_safetensors(path, small_file());
  const std::string bytes = read_bytes(path);
  uint64_t length;
  std::memcpy(&length, bytes.data(), 8);
  EXPECT_EQ(length % 8, 0u);
  const std::string header = bytes.substr(8, length);
  EXPECT_NE(header.find(R"("a.f64":{"dtype":"F64","shape":[3],"data_offsets":[0,24]})"), std::string::npos) << header;
  EXPECT_NE(header.find(R"("e.i64":{"dtype":"I64","shape":[],"data_offsets":[24,32]})"), std::string::npos) << header;
}

TEST_F(Safetensors, BytesDependOnContentAlone) {
  nn::write_safetensors(path, small_file());
  const std::string first = read_bytes(path);
  nn::write_safetensors(path, nn::read_safetensors(path));
  EXPECT_EQ(first, read_bytes(path));
}

TEST_F(Safetensors, HalfPrecisionIsWidened) {
  // 1, -2, the largest, the smallest normal, the smallest subnormal, the largest subnormal, -0, infinity, NaN
  const uint16_t halves[] = {0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x03ff, 0x8000, 0x7c00, 0x7e01};
  const std::string data(reinterpret_cast<const char*>(halves), sizeof halves);
  write_bytes(path, file_of(R"({"h":{"dtype":"F16","shape":[9],"data_offsets":[0,18]}})", data));
  const Tensor h = nn::read_safetensors(path).tensors.at("h");
  ASSERT_EQ(h.dtype(), Dtype::f32);
  const float* x = h.data<float>();
  const float expected[] = {1, -2, 65504, 0x1p-14f, 0x1p-24f, 0x1.ff8p-15f, -0.0f};
  for (int i = 0; i < 7; ++i) EXPECT_EQ(x[i], expected[i]) << i;
  EXPECT_TRUE(std::signbit(x[6]));
  EXPECT_TRUE(std::isinf(x[7]) && x[7] > 0);
  EXPECT_TRUE(std::isnan(x[8]));
}

TEST_F(Safetensors, HeaderFaults) {
  const std::string x = R"("x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  expect_fault("{" + x + "," + x + "}", 8, "the name 'x' occurs twice");
  expect_fault(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"\u0078":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})", 16,
               "the name 'x' occurs twice");
  expect_fault(R"({"__metadata__":{"a":"1","a":"2"},)" + x + "}", 8, "'a' of '__metadata__' occurs twice");
  expect_fault(R"({"__metadata__":{},"__metadata__":{},)" + x + "}", 8, "the name '__metadata__' occurs twice");
  expect_fault(R"({"x":{"dtype":"F32","dtype":"F64","shape":[2],"data_offsets":[0,8]}})", 8, "'dtype' of 'x' occurs twice");
  expect_fault(R"({"x":{"dtype":"F32","shape":[2]}})", 8, "lacks one of dtype, shape, data_offsets");
  expect_fault(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1}})", 8, "unknown field 'more'");
  expect_fault(R"({"x":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}})", 8, "tensor 'x' has dtype 'C64', expected F32");
  expect_fault(R"({"x":{"dtype":"I16","shape":[4],"data_offsets":[0,8]}})", 8, "tensor 'x' has dtype 'I16'");
  expect_fault(R"({"x":{"dtype":5,"shape":[2],"data_offsets":[0,8]}})", 8, "expected a string for 'dtype' of 'x', got a number");
  expect_fault(R"({"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8, "expected a whole number >= 0 in 'shape' of 'x', got -2");
  expect_fault(R"({"x":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", 8, "expected a whole number >= 0 in 'shape' of 'x', got 2.0");
  expect_fault(R"({"x":{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}})", 8,
               "expected a whole number >= 0 in 'shape' of 'x', got a list");
  expect_fault(R"({"x":{"dtype":"F32","shape":[true],"data_offsets":[0,8]}})", 8,
               "expected a whole number >= 0 in 'shape' of 'x', got a boolean");
  expect_fault(R"({"x":{"dtype":"F32","shape":null,"data_offsets":[0,8]}})", 8, "expected a list for 'shape' of 'x', got null");
  expect_fault(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0]}})", 8, "data_offsets of tensor 'x' has 1 numbers, expected 2");
  expect_fault(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8, "ends at byte 0 before it begins at 8");
  expect_fault(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,12]}})", 8,
               "ends at byte 12 of the data, but the data has only 8 bytes");
  expect_fault(R"({"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8, "needs 12 bytes, its offsets span 8");
  expect_fault(R"({"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}})", 8, "is too large");
  expect_fault(R"({"x":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]}})", 8, "is too large");
  expect_fault(R"({"x":{"dtype":"F32","shape":[0,9223372036854775807],"data_offsets":[0,0]}})", 0, "is too large");
  expect_fault(R"({"x":{"dtype":"F32","shape":[1,1,1,1,1,1,2],"data_offsets":[0,8]}})", 8, "7 axes, at most 6");
  expect_fault("{" + x + R"(,"y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8, "it overlaps another tensor");
  expect_fault("{" + x + R"(,"y":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})", 16, "there is a gap");
  expect_fault("{" + x + "}", 9, "end at byte 8 of the data, which has 9 bytes");
  expect_fault("{" + x, 8, "the header is not JSON at byte");
  expect_fault("", 0, "the header is not JSON");
  expect_fault("[]", 0, "expected the header's object, got a list");
  expect_fault("3", 0, "expected the header's object, got a number");
  expect_fault(R"({"x":3})", 0, "expected the object of 'x', got a number");
  expect_fault(R"({"__metadata__":{"a":1}})", 0, "expected a string for 'a' of '__metadata__', got a number");
  expect_fault(R"({"__metadata__":{"a":{}}})", 0, "expected a string for 'a' of '__metadata__', got an object");
  expect_fault("{" + x + "}" + std::string(1, '\0'), 8, "the header is not JSON at byte");
  expect_fault("{\"\xff\":1}", 0, "the header is not JSON");
  expect_fault(R"({"new\nline":{"dtype":"F99","shape":[],"data_offsets":[0,0]}})", 0, R"(tensor 'new\x0aline' has dtype)");
  expect_fault("{" + std::string(100000, '['), 0, "the header is not JSON");
  expect_fault(R"({"x":)" + std::string(100000, '['), 0, "got a list");
}

TEST_F(Safetensors, ZeroExtentsAreLegal) {
  write_bytes(
      path,
      file_of(R"({"x":{"dtype":"F32","shape":[3,0],"data_offsets":[0,0]},"y":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "a"));
  const TensorFile file = nn::read_safetensors(path);
  EXPECT_EQ(file.tensors.at("x").shape(), (Shape{3, 0}));
  EXPECT_EQ(file.tensors.at("y").item(), 97);
}

TEST_F(Safetensors, LengthsBeyondTheFile) {
  EXPECT_NE(fault("").find("it is empty"), std::string::npos);
  EXPECT_NE(fault("1234567").find("fewer than the 8"), std::string::npos);
  for (const uint64_t length : {uint64_t{3}, uint64_t{4} << 40, ~uint64_t{0}, ~uint64_t{0} - 7}) {
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    EXPECT_NE(fault(bytes + "{}").find(fmt::format("claims a header of {} bytes, but only 2 follow", length)), std::string::npos) << length;
  }
  // A small header that claims terabytes of data; a sparse file with a header of 200 MB.
  expect_fault(R"({"x":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}})", 8, "the data has only 8 bytes");
  std::string bytes(8, '\0');
  const uint64_t length = 200'000'000;
  std::memcpy(bytes.data(), &length, 8);
  write_bytes(path, bytes);
  std::filesystem::resize_file(path, length + 8);
  EXPECT_NE(message_of([&] { nn::read_safetensors(path); }).find("at most 100000000 are allowed"), std::string::npos);
}

TEST_F(Safetensors, NotAFile) {
  EXPECT_NE(message_of([&] { nn::read_safetensors(directory / "absent"); }).find("No such file"), std::string::npos);
  EXPECT_NE(message_of([&] { nn::read_safetensors(directory.path()); }).find("it is a directory"), std::string::npos);
  EXPECT_NE(message_of([&] { nn::read_safetensors("/dev/zero"); }).find("not a regular file"), std::string::npos);
  ASSERT_EQ(mkfifo((directory / "pipe").c_str(), 0600), 0);
  EXPECT_NE(message_of([&] { nn::read_safetensors(directory / "pipe"); }).find("not a regular file"), std::string::npos);
}

TEST_F(Safetensors, CutAtEveryByte) {
  nn::write_safetensors(path, small_file());
  const std::string whole = read_bytes(path);
  ASSERT_GT(whole.size(), 500u);
  EXPECT_NE(fault(whole + "x"), "");
  for (size_t length = whole.size(); length-- > 0;) {
    std::filesystem::resize_file(path, length);
    EXPECT_NE(read_fault(), "") << length;
  }
  EXPECT_EQ(fault(whole), "");
}

TEST_F(Safetensors, EveryFlippedBitOfAHashedFileIsDetectedOrHarmless) {
  TensorFile file = small_file();
  nn::add_content_hash(file);
  nn::write_safetensors(path, file);
  const size_t bits = read_bytes(path).size() * 8;
  int loaded = 0;
  for (size_t bit = 0; bit < bits; ++bit) {
    flip_bit(path, bit);
    if (read_fault().empty()) {
      // Only a flip in the key "content_hash" can load: the hash is then not found, and the content is unchanged.
      ++loaded;
      TensorFile got = nn::read_safetensors(path);
      EXPECT_FALSE(got.metadata.count("content_hash")) << "bit " << bit;
      EXPECT_EQ(nn::content_hash(got.tensors), nn::content_hash(file.tensors)) << "bit " << bit;
      EXPECT_EQ(got.metadata.at("arch"), file.metadata.at("arch"));
    }
    flip_bit(path, bit);
  }
  EXPECT_LE(loaded, static_cast<int>(8 * std::strlen("content_hash")));
  EXPECT_EQ(read_fault(), "");
}

TEST_F(Safetensors, FlippedHeaderBitsOfAForeignFileNeverCrash) {
  nn::write_safetensors(path, small_file());
  const std::string whole = read_bytes(path);
  uint64_t length;
  std::memcpy(&length, whole.data(), 8);
  int refused = 0;
  for (size_t bit = 0; bit < (8 + length) * 8; ++bit) {
    flip_bit(path, bit);
    refused += !read_fault().empty();
    flip_bit(path, bit);
  }
  EXPECT_GT(refused, static_cast<int>(length) * 4);
}

TEST_F(Safetensors, ContentHashSeesEverything) {
  const TensorFile file = small_file();
  std::set<std::string> hashes = {nn::content_hash(file)};
  const auto changed = [&](auto change) {
    TensorFile other = small_file();
    change(other);
    EXPECT_TRUE(hashes.insert(nn::content_hash(other)).second);
  };
  changed([](TensorFile& f) { f.tensors["b.f32"].data<float>()[5] = 7; });
  changed([](TensorFile& f) { f.tensors["b.f32"] = f.tensors["b.f32"].reshape(Shape{3, 2}); });
  changed([](TensorFile& f) { f.tensors["h"] = f.tensors["b.f32"]; });
  changed([](TensorFile& f) { f.tensors.erase("g.empty"); });
  changed([](TensorFile& f) { f.tensors["d.i32"] = Tensor::from<float>({0}, {1, 1}); });
  changed([](TensorFile& f) { f.metadata["arch"] = "another"; });
  EXPECT_EQ(nn::content_hash(file), nn::content_hash(small_file()));
  EXPECT_EQ(nn::content_hash(file).size(), 16u);
}

TEST_F(Safetensors, UnwritableTargetsLeaveNoFile) {
  const TensorFile file = small_file();
  EXPECT_NE(message_of([&] { nn::write_safetensors(directory / "absent/file", file); }).find("cannot write"), std::string::npos);
  std::filesystem::create_directory(directory / "folder");
  EXPECT_NE(message_of([&] { nn::write_safetensors(directory / "folder", file); }).find("it is a directory"), std::string::npos);
  EXPECT_NE(message_of([&] { nn::write_file("/dev/full", "x"); }).find("not a regular file"), std::string::npos);
  EXPECT_NE(message_of([&] { nn::write_file("", "x"); }).find("empty"), std::string::npos);
  EXPECT_EQ(directory.files(), 1);
}

TEST_F(Safetensors, AFullDiskKeepsTheOldFile) {
  nn::write_file(path, "old");
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 64;
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string message = message_of([&] { nn::write_safetensors(path, small_file()); });
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_NE(message.find("cannot write " + path), std::string::npos) << message;
  EXPECT_EQ(read_bytes(path), "old");
  EXPECT_EQ(directory.files(), 1);
}

TEST_F(Safetensors, ALinkStaysALink) {
  nn::write_file(directory / "target", "old");
  std::filesystem::create_symlink(directory / "target", directory / "link");
  nn::write_file(directory / "link", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(directory / "link"));
  EXPECT_EQ(read_bytes(directory / "target"), "new");
}

TEST_F(Safetensors, InvalidContentIsNotWritten) {
  TensorFile file;
  file.tensors["x"] = Tensor();
  EXPECT_NE(message_of([&] { nn::write_safetensors(path, file); }).find("tensor 'x' is undefined"), std::string::npos);
  file.tensors.clear();
  file.tensors["__metadata__"] = Tensor::full({1}, 1);
  EXPECT_NE(message_of([&] { nn::write_safetensors(path, file); }).find("no tensor may be called __metadata__"), std::string::npos);
  file.tensors.clear();
  file.tensors["\xff"] = Tensor::full({1}, 1);
  EXPECT_NE(message_of([&] { nn::write_safetensors(path, file); }).find("not UTF-8"), std::string::npos);
  EXPECT_EQ(directory.files(), 0);
}

}  // namespace
