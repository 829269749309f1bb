// cache=DIR: decoded images in one file, which is verified and written again if it is outdated or damaged.

#include "nn/data/image_cache.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <thread>

#include "nn/data/dataset.h"
#include "tests/errors.h"
#include "tests/image_files.h"
#include "tests/ordinary_user.h"
#include "tests/temporary.h"

namespace {

using files::Bytes;
using nn::open_dataset;
namespace fs = std::filesystem;

constexpr int64_t images = 7;
constexpr size_t image_bytes = 32 * 32 * 3, header_bytes = 40;
Bytes pixels_of(uint64_t no) { return files::random_bytes(image_bytes, no); }

class DiskCache : public testing::Test {
 protected:
  void SetUp() override {
    for (uint64_t no = 0; no < images; ++no) write(no, no);
  }
  void write(uint64_t no, uint64_t content) const {
    folder_.write(fmt::format("images/{}.png", no), files::rgb_png(32, 32, pixels_of(content)));
  }
  std::string cache() const { return folder_ / "cache/below"; }
  std::string spec() const { return fmt::format("folder:{}/images?cache={}", folder_.path(), cache()); }
  std::string file() const {
    std::string found;
    for (const auto& item : fs::directory_iterator(cache())) {
      EXPECT_EQ(found, "") << "more than one file in the cache";
      found = item.path().string();
    }
    return found;
  }
  // Every image equals its file, except `other`, which has content 99.
  static void expect_right(const nn::Dataset& dataset, int64_t other = -1) {
    ASSERT_EQ(dataset.size(), images);
    std::vector<uint8_t> pixels(image_bytes);
    for (int64_t no = 0; no < images; ++no) {
      dataset.read(no, pixels.data());
      EXPECT_EQ(pixels, pixels_of(no == other ? 99 : static_cast<uint64_t>(no))) << "image " << no;
    }
  }
  TemporaryDirectory folder_;
};

TEST_F(DiskCache, IsFilledThenUsed) {
  const auto first = open_dataset(spec());
  expect_right(*first);
  EXPECT_EQ(first->cache(), file());
  EXPECT_EQ(nn::subset(std::shared_ptr<const nn::Dataset>(open_dataset(spec())), {1})->cache(), file());
  EXPECT_TRUE(open_dataset("folder:" + folder_ / "images")->cache().empty());
  const std::string bytes = read_bytes(file());
  EXPECT_EQ(bytes.size(), header_bytes + images * (image_bytes + 8) + 8);
  // Other pixels with the same size and time: the cache is used.
  const fs::path image = folder_ / "images/3.png";
  const auto time = fs::last_write_time(image);
  write(3, 99);
  fs::last_write_time(image, time);
  expect_right(*open_dataset(spec()));
  // Another modification time is detected.
  fs::last_write_time(image, time + std::chrono::seconds(1));
  expect_right(*open_dataset(spec()), 3);
  EXPECT_NE(read_bytes(file()), bytes);
}

TEST_F(DiskCache, EachDatasetAndFramingHasItsOwnFile) {
  open_dataset(spec());
  open_dataset(spec(), {.size = 32, .crop = nn::Crop::center});
  open_dataset(spec(), {.size = 32, .crop = nn::Crop::center, .short_side = 33});
  open_dataset(spec(), {20});
  open_dataset(spec() + "&limit=3");
  const std::string list = folder_.write("images/list.txt", "0.png 1\n3.png 0\n");
  EXPECT_EQ(open_dataset("list:" + list + "?cache=" + cache())->label(0), 1);
  EXPECT_EQ(std::distance(fs::directory_iterator(cache()), fs::directory_iterator()), 6);
  std::vector<uint8_t> cached(20 * 20 * 3), decoded(20 * 20 * 3);
  open_dataset(spec(), {20})->read(2, cached.data());
  open_dataset("folder:" + folder_ / "images", {20})->read(2, decoded.data());
  EXPECT_EQ(cached, decoded);
  write(1, 99);  // another size of file: a state of its own, in the old file's place
  folder_.write("images/1.png", files::rgb_png(31, 32, files::random_bytes(31 * 32 * 3, 1)));
  open_dataset(spec());
  EXPECT_EQ(std::distance(fs::directory_iterator(cache()), fs::directory_iterator()), 6);
}

TEST_F(DiskCache, ATruncatedOrDamagedFileIsWrittenAgain) {
  open_dataset(spec());
  const std::string path = file(), bytes = read_bytes(path);
  const size_t sums = header_bytes + images * image_bytes;
  for (size_t size = 0; size < bytes.size(); size += bytes.size() / 9) {
    write_bytes(path, bytes.substr(0, size));
    expect_right(*open_dataset(spec()));
    EXPECT_EQ(read_bytes(path), bytes) << size;
  }
  write_bytes(path, bytes + "x");
  expect_right(*open_dataset(spec()));
  for (const size_t at : {size_t{0}, size_t{7}, size_t{8}, size_t{24}, size_t{32}, sums, sums + 17, bytes.size() - 1}) {
    flip_bit(path, 8 * at + 3);
    expect_right(*open_dataset(spec()));
    EXPECT_EQ(read_bytes(path), bytes) << "byte " << at;
  }
  // A damaged pixel: detected when the image is read, reported once, and repaired by the next open.
  for (const size_t at : {header_bytes, header_bytes + 2 * image_bytes + 100, sums - 1}) {
    flip_bit(path, 8 * at);
    const auto dataset = open_dataset(spec());
    testing::internal::CaptureStderr();
    expect_right(*dataset);
    expect_right(*dataset);
    const std::string warning = testing::internal::GetCapturedStderr();
    EXPECT_EQ(std::count(warning.begin(), warning.end(), '\n'), 1) << warning;
    EXPECT_NE(warning.find(fmt::format("is damaged at image {}", (at - header_bytes) / image_bytes)), std::string::npos) << warning;
    expect_right(*open_dataset(spec()));
    EXPECT_EQ(read_bytes(path), bytes);
  }
  // Truncated while it is in use.
  const auto dataset = open_dataset(spec());
  fs::resize_file(path, header_bytes + image_bytes);
  testing::internal::CaptureStderr();
  expect_right(*dataset);
  testing::internal::GetCapturedStderr();
  // Not a regular file.
  fs::remove(path);
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  testing::internal::CaptureStderr();
  expect_right(*open_dataset(spec()));
  EXPECT_NE(testing::internal::GetCapturedStderr().find("not a regular file"), std::string::npos);
}

TEST_F(DiskCache, SeveralProcessesFillAndReadAtOnce) {
  std::vector<std::thread> threads;
  for (int no = 0; no < 4; ++no)
    threads.emplace_back([this] {
      for (int repeat = 0; repeat < 3; ++repeat) expect_right(*open_dataset(spec()));
    });
  for (std::thread& thread : threads) thread.join();
  const auto dataset = open_dataset(spec());
  EXPECT_EQ(dataset->cache(), file());
  threads.clear();
  for (int no = 0; no < 4; ++no) threads.emplace_back([&dataset] { expect_right(*dataset); });
  for (std::thread& thread : threads) thread.join();
}

TEST_F(DiskCache, ABrokenImageIsNamedAndLeavesNoFile) {
  for (const int broken : {5, 2}) {
    Bytes cut = files::rgb_png(32, 32, pixels_of(1));
    cut.resize(cut.size() / 2);
    folder_.write(fmt::format("images/{}.png", broken), cut);
  }
  for (int repeat = 0; repeat < 5; ++repeat) expect_error([&] { open_dataset(spec()); }, "2.png: it is truncated");
  EXPECT_TRUE(fs::is_empty(cache()));
}

// One warning, then the cache is not used.
void expect_without_cache(const std::string& spec, const std::string& reason, const std::function<void(const nn::Dataset&)>& check) {
  testing::internal::CaptureStderr();
  const auto dataset = open_dataset(spec);
  check(*dataset);
  const std::string warning = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(dataset->cache().empty());
  EXPECT_EQ(std::count(warning.begin(), warning.end(), '\n'), 1) << warning;
  EXPECT_EQ(warning.rfind("warning: decoded images are not cached: ", 0), 0u) << warning;
  EXPECT_NE(warning.find(reason), std::string::npos) << warning;
}

TEST_F(DiskCache, AnUnwritableFolder) {
  const auto right = [](const nn::Dataset& dataset) { expect_right(dataset); };
  folder_.write("file", "text");
  expect_without_cache(fmt::format("folder:{0}/images?cache={0}/file", folder_.path()), "file", right);
  fs::create_directories(cache());
  {
    const OrdinaryUser user(folder_);
    ASSERT_EQ(chmod(cache().c_str(), 0500), 0);
    expect_without_cache(spec(), "ermission", right);
    ASSERT_EQ(chmod(cache().c_str(), 0700), 0);
  }
  // A full disk, by a limit on the size of files.
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{10'000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  expect_without_cache(spec(), "too large", right);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(fs::is_empty(cache()));
  EXPECT_FALSE(open_dataset(spec())->cache().empty());
}

}  // namespace
