// `mode explain`: the PNG shows what it should where it should, and the numbers are those of training and of `mode eval`.

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "mode/alpa/alpa_loss.h"
#include "mode/detectors/regions.h"
#include "nn/checkpoint.h"
#include "nn/data/image_io.h"
#include "nn/data/loader.h"
#include "tests/command_training.h"

namespace {

using command::expect_one_line;
using command::Result;
using command::run;
using command::value_after;
using mode::Attention;
using mode::Region;
using tensor::Tensor;

// Two images in a folder of their own, as files.
struct Images {
  TemporaryDirectory directory;
  std::string a = directory / "a.png", b = directory / "b.png";
  std::vector<nn::Image> pixels;
  Images() {
    const auto data = nn::open_dataset("synthetic:shapes?split=test&limit=2");
    for (int64_t no = 0; no < 2; ++no) {
      pixels.push_back({32, 32, std::vector<uint8_t>(32 * 32 * 3)});
      data->read(no, pixels.back().pixels.data());
      nn::write_png(no == 0 ? a : b, pixels.back());
    }
  }
};
const Images& images() {
  static const Images instance;
  return instance;
}

/// A run of one epoch with ALPA.
const std::string& alpa_run() {
  static const TemporaryDirectory directory;
  static const std::string path = [] {
    const Result result = run({"train", "--data", "synthetic:shapes?split=train&limit=32", "--arch", "resnet8", "--epochs", "1", "--batch",
                               "16", "--loss", "ce", "--alpa", "joint", "--alpa-aggregate", "logsum", "--out", directory / "run"});
    EXPECT_EQ(result.status, 0) << result.out << result.err;
    return directory / "run";
  }();
  return path;
}

/// The last map of both images.
Tensor map_of_images(const std::string& model_path) {
  const nn::LoadedModel model = nn::load_model(model_path);
  const auto data = nn::open_dataset("folder:" + images().directory.path());
  nn::LoaderOptions options;
  options.shuffle = false;
  options.preprocessing = model.checkpoint.preprocessing;
  Tensor map;
  for (const nn::Batch& batch : nn::Loader(*data, options)) map = (*model.net)(batch.images).feature_map.value();
  return map;
}

/// The rows of the printed block below `heading`: `columns` cosines, then as many counts of regions.
std::vector<std::vector<double>> printed(const std::string& text, const std::string& heading, size_t rows) {
  std::vector<std::vector<double>> numbers;
  const size_t at = text.find("\n" + heading + "\n");
  EXPECT_NE(at, std::string::npos) << heading << " in\n" << text;
  if (at == std::string::npos) return numbers;
  std::istringstream lines(text.substr(at + heading.size() + 2));
  std::string line;
  std::getline(lines, line);  // what the columns are
  for (size_t row = 0; row < rows && std::getline(lines, line); ++row) {
    std::istringstream words(line);
    numbers.emplace_back();
    for (double number = 0; words >> number;) numbers.back().push_back(number);
  }
  return numbers;
}

/// The sheet of a pair: tiles of two squares of 128, columns 12 and halves 2 pixels apart, 16 below for words, 32 above each direction.
struct Sheet {
  nn::Image image;
  int64_t columns, rows;
  const uint8_t* pixel(int64_t y, int64_t x) const { return image.pixels.data() + (y * image.width + x) * 3; }
  int64_t top(int64_t direction, int64_t r) const { return direction * (32 + rows * 156) + 32 + r / columns * 156; }
  int64_t left(int64_t r, int64_t half) const { return 12 + r % columns * 270 + half * 130; }
};

bool is_marked(const uint8_t* pixel) { return pixel[0] == 60 && pixel[1] == 255 && pixel[2] == 90; }

/// A square of the sheet shows the image four times as large with a frame just inside the box, and nothing else is changed.
void expect_outlined(const Sheet& sheet, int64_t top, int64_t left, const nn::Image& image, const Region& box) {
  int64_t wrong = 0;
  for (int64_t y = 0; y < 128; ++y)
    for (int64_t x = 0; x < 128; ++x) {
      const bool inside = y >= box.top && y < box.bottom && x >= box.left && x < box.right;
      const int64_t depth = std::min({y - box.top, box.bottom - 1 - y, x - box.left, box.right - 1 - x});
      const uint8_t *pixel = sheet.pixel(top + y, left + x), *source = image.pixels.data() + (y / 4 * 32 + x / 4) * 3;
      if (inside && depth < 3)
        wrong += is_marked(pixel) ? 0 : 1;
      else if (!inside || depth > 3)
        wrong += std::equal(pixel, pixel + 3, source) ? 0 : 1;
    }
  EXPECT_EQ(wrong, 0) << "at " << top << ", " << left;
}

/// Saturation in the middle of a box: grows with the attention, independent of the image below.
int chroma(const Sheet& sheet, int64_t top, int64_t left, const Region& box) {
  const uint8_t* pixel = sheet.pixel(top + (box.top + box.bottom) / 2, left + (box.left + box.right) / 2);
  const auto [least, most] = std::minmax_element(pixel, pixel + 3);
  return *most - *least;
}

TEST(CliExplain, PairByTheRunsHeads) {
  const TemporaryDirectory directory;
  const std::string out = directory / "pair.png";
  const Result result = run({"explain", images().a, images().b, "--run", alpa_run(), "--out", out});
  ASSERT_EQ(result.status, 0) << result.err;
  // What training computes, from the same weights.
  const Tensor regions = mode::alpa_vectors(mode::Variable(map_of_images(alpa_run() + "/model.safetensors")), 4).value();
  mode::AlpaHeads heads(64);
  std::map<std::string, Tensor> of_heads;
  for (const auto& [name, tensor] : nn::read_safetensors(alpa_run() + "/state.safetensors").tensors)
    if (name.rfind("alpa.", 0) == 0) of_heads.emplace(name.substr(5), tensor);
  nn::load_weights(heads, of_heads);
  const auto of = heads.project(mode::Variable(regions));
  const std::vector<double> s =
      mode::alpa_pairs(of.query.value(), of.key.value(), of.value.value(), mode::AlpaAggregate::logsum).to_vector();
  EXPECT_NEAR(std::stod(value_after(result.out, "S_AB")), s[1], 1e-5) << result.out;
  EXPECT_NEAR(std::stod(value_after(result.out, "S_BA")), s[2], 1e-5);
  EXPECT_NEAR(std::stod(value_after(result.out, "s")), s[1] + s[2], 2e-5);
  EXPECT_NE(value_after(result.out, "S_AB").find("the logsum over A's regions"), std::string::npos);
  EXPECT_NE(result.out.find("softmax(q k / sqrt 80) of the run's ALPA heads"), std::string::npos);
  // The printed cosines add up to it.
  const std::vector<std::pair<std::string, size_t>> blocks = {{"regions of A in B", 1}, {"regions of B in A", 2}};
  for (const auto& [heading, at] : blocks) {
    double sum = 0;
    for (const auto& row : printed(result.out, heading, 4)) {
      ASSERT_EQ(row.size(), 8u) << heading;
      for (size_t column = 0; column < 4; ++column) sum += std::exp(6 * row[column]);
    }
    EXPECT_NEAR(std::log(sum) / 6, s[at], 1e-4) << heading;
  }
  const Sheet sheet{nn::decode_image(out), 4, 4};
  ASSERT_EQ(sheet.image.width, 12 + 4 * 270);
  ASSERT_EQ(sheet.image.height, 2 * (32 + 4 * 156));
  for (const int64_t r : {0, 7, 13})
    for (const int64_t direction : {0, 1}) {
      const int64_t y = r / 4 * 32, x = r % 4 * 32;
      expect_outlined(sheet, sheet.top(direction, r), sheet.left(r, 0), images().pixels[direction], {y, x, y + 32, x + 32});
    }
}

TEST(CliExplain, StretchedColorsShowFaintDifferences) {
  const TemporaryDirectory directory;
  const Result result = run({"explain", images().a, images().b, "--model", command::trained_model(), "--temperature", "50", "--direction",
                             "ab", "--stretch", "--out", directory / "pair.png"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("each tile from its least attention (no color) to its largest (yellow)"), std::string::npos);
  const Tensor regions = mode::alpa_vectors(mode::Variable(map_of_images(command::trained_model())), 4).value();
  const Attention attention = mode::attention_of(mode::cosine_qkv(regions, 50), 0, 1);
  const Sheet sheet{nn::decode_image(directory / "pair.png"), 4, 4};
  for (int64_t r = 0; r < 16; ++r) {
    const double* weights = attention.weights.data<double>() + 16 * r;
    const auto [least, most] = std::minmax_element(weights, weights + 16);
    EXPECT_LT(*most, 0.07) << "nearly alike everywhere";
    const auto box = [](int64_t at) { return Region{at / 4 * 32, at % 4 * 32, at / 4 * 32 + 32, at % 4 * 32 + 32}; };
    EXPECT_EQ(chroma(sheet, sheet.top(0, r), sheet.left(r, 1), box(least - weights)), 0) << r;
    EXPECT_GT(chroma(sheet, sheet.top(0, r), sheet.left(r, 1), box(most - weights)), 140) << r;
  }
}

TEST(CliExplain, PairByTheVectorsThemselves) {
  const TemporaryDirectory directory;
  const std::string model = command::trained_model();
  const Result result = run({"explain", images().a, images().b, "--model", model, "--grid", "3", "--temperature", "0.02", "--direction",
                             "ba", "--out", directory / "pair.png"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("softmax(cosine / 0.02) of the local features: the network has no ALPA heads\n"), std::string::npos)
      << result.out;
  const Tensor map = map_of_images(model);
  const mode::QueryKeyValue vectors = mode::cosine_qkv(mode::alpa_vectors(mode::Variable(map), 3).value(), 0.02);
  const Attention attention = mode::attention_of(vectors, 1, 0);
  EXPECT_NEAR(std::stod(value_after(result.out, "S_BA")), attention.similarity, 1e-5);
  EXPECT_EQ(result.out.find("regions of A in B"), std::string::npos);
  const std::vector<std::vector<double>> numbers = printed(result.out, "regions of B in A", 3);
  const Tensor looked_at = mode::attended_regions(attention);
  for (size_t r = 0; r < 9; ++r) {
    ASSERT_EQ(numbers[r / 3].size(), 6u);
    EXPECT_NEAR(numbers[r / 3][r % 3], attention.cosines.data<double>()[r], 1e-4);
    EXPECT_NEAR(numbers[r / 3][3 + r % 3], looked_at.data<double>()[r], 0.02);
  }
  // More attention, more color; compared where no other window reaches: the map's 8 columns are 3 windows that share a column.
  const Sheet sheet{nn::decode_image(directory / "pair.png"), 3, 3};
  ASSERT_EQ(sheet.image.width, 12 + 3 * 270);
  ASSERT_EQ(sheet.image.height, 32 + 3 * 156);
  std::vector<Region> boxes;
  for (const Region& window : mode::alpa_windows(8, 8, 3)) boxes.push_back(mode::input_region(window, 8, 8, 128));
  int64_t compared = 0;
  for (int64_t r = 0; r < 9; ++r) {
    expect_outlined(sheet, sheet.top(0, r), sheet.left(r, 0), images().pixels[1], boxes[r]);
    const double* weights = attention.weights.data<double>() + 9 * r;
    for (size_t one = 0; one < 9; ++one)
      for (size_t other = 0; other < 9; ++other)
        if (weights[one] > weights[other] + 0.03) {
          EXPECT_GT(chroma(sheet, sheet.top(0, r), sheet.left(r, 1), boxes[one]),
                    chroma(sheet, sheet.top(0, r), sheet.left(r, 1), boxes[other]))
              << r << ": " << one << " " << other;
          ++compared;
        }
  }
  EXPECT_GT(compared, 20) << "attention that is alike everywhere shows nothing";
}

std::vector<std::string> split(const std::string& line, char between) {
  std::vector<std::string> words;
  std::istringstream stream(line);
  for (std::string word; std::getline(stream, word, between);) words.push_back(word);
  return words;
}

TEST(CliExplain, NearestIsWhatEvalDecides) {
  const TemporaryDirectory directory;
  const std::string model = command::trained_model(), out = directory / "nearest.png";
  const Result eval = run({"eval", "--model", model, "--id", command::train_data, "--id-test", command::test_data, "--ood",
                           "x=folder:" + images().directory.path(), "--methods", "csd", "--csd-k", "4", "--out", directory / "report"});
  ASSERT_EQ(eval.status, 0) << eval.err;
  const std::string csv = read_bytes(directory / "report/scores/x.csv");
  EXPECT_EQ(csv.substr(0, csv.find('\n')),
            "image,label,csd,csd_scale,csd_neighbor,csd_neighbor_scale,csd_neighbor_label,csd_neighbor_x0,csd_neighbor_y0,"
            "csd_neighbor_x1,csd_neighbor_y1");
  const std::vector<std::string> cells = split(csv.substr(csv.find("\nb.png,") + 1), ',');
  ASSERT_GE(cells.size(), 11u) << csv;

  const Result result =
      run({"explain", images().b, "--model", model, "--id", command::train_data, "--k", "4", "--nearest", "3", "--out", out});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NEAR(std::stod(result.out.substr(result.out.find("score ") + 6)), std::stod(cells[2]), 1e-6) << result.out;
  const std::string decides = result.out.substr(result.out.find("\n> ") + 3);
  EXPECT_EQ(decides.substr(0, decides.find("  ")), cells[3]);
  EXPECT_NE(decides.substr(0, decides.find('\n')).find("decides"), std::string::npos);
  const size_t at = result.out.find("\n   1  ");
  ASSERT_NE(at, std::string::npos) << result.out;
  const std::string first = result.out.substr(at + 7, result.out.find('\n', at + 1) - at - 7);
  EXPECT_EQ(first.rfind(cells[4] + " ", 0), 0u) << first;
  EXPECT_NE(first.find("  " + cells[5] + "  "), std::string::npos) << first << " lacks " << cells[5];
  const std::string box = cells[7] + " " + cells[8] + " " + cells[9] + " " + cells[10].substr(0, cells[10].find('\n'));
  EXPECT_NE(first.find("  " + box + "  "), std::string::npos) << first << " lacks " << box;
  const auto training = nn::open_dataset(command::train_data);
  EXPECT_NE(first.find("  " + training->class_names()[std::stol(cells[6])] + "  "), std::string::npos) << first;
  EXPECT_EQ(result.out.find("\n   4  "), std::string::npos) << "--nearest 3";
  // Ascending distances: the last word of each line.
  double before = 0;
  for (int no = 1; no <= 3; ++no) {
    const size_t begin = result.out.find("\n   " + std::to_string(no) + "  ");
    ASSERT_NE(begin, std::string::npos);
    const std::string line = result.out.substr(begin + 1, result.out.find('\n', begin + 1) - begin - 1);
    const double distance = std::stod(line.substr(line.rfind(' ')));
    EXPECT_GE(distance, before);
    before = distance;
  }

  const Sheet sheet{nn::decode_image(out), 1, 1};
  ASSERT_EQ(sheet.image.width, 24 + 4 * 140);
  ASSERT_EQ(sheet.image.height, 12 + 128 + 36);
  const auto numbers = split(box, ' ');
  const auto four = [&](size_t no) { return 4 * std::stol(numbers[no]); };
  for (int64_t index = 0; index < training->size(); ++index)
    if (training->image_name(index) == cells[4]) {
      nn::Image neighbor{32, 32, std::vector<uint8_t>(32 * 32 * 3)};
      training->read(index, neighbor.pixels.data());
      expect_outlined(sheet, 12, 12 + 128 + 24, neighbor, {four(1), four(0), four(3), four(2)});
    }
  for (const mode::Scale& scale : mode::csd_scales(8, 8))
    if (scale.name == cells[3]) expect_outlined(sheet, 12, 12, images().pixels[1], mode::input_region(scale.rect, 8, 8, 128));
}

TEST(CliExplain, ATrainingImageFindsItself) {
  const TemporaryDirectory directory;
  const auto training = nn::open_dataset(command::train_data);
  nn::Image image{32, 32, std::vector<uint8_t>(32 * 32 * 3)};
  training->read(5, image.pixels.data());
  nn::write_png(directory / "own.png", image);
  const Result result = run({"explain", directory / "own.png", "--model", command::trained_model(), "--id", command::train_data, "--k", "1",
                             "--scales", "global", "--nearest", "1", "--out", directory / "nearest.png"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("score -0.000000: minus the smallest of its 1 squared distances to the K-th nearest of 96 "), std::string::npos)
      << result.out;
  EXPECT_NE(result.out.find("\n   1  " + training->image_name(5) + " "), std::string::npos) << result.out;
}

TEST(CliExplain, RefusesWhatCannotBeMeant) {
  const std::string& a = images().a;
  const std::string &b = images().b, model = command::trained_model();
  const auto usage = [](const std::vector<std::string>& arguments, const std::string& part) {
    std::vector<std::string> words = {"explain"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    expect_one_line(run(words), 2, part);
  };
  usage({"--out", "o.png"}, "images");
  usage({a, b, a, "--model", model, "--out", "o.png"}, "3 images; give one or two");
  usage({a, b, "--model", model}, "--out");
  usage({a, b, "--out", "o.png"}, "either --run DIR");
  usage({a, b, "--model", model, "--run", "x", "--out", "o.png"}, "either --run DIR");
  usage({a, b, "--model", model, "--id", command::train_data, "--out", "o.png"}, "--id is for one image");
  usage({a, b, "--run", "x", "--temperature", "1", "--out", "o.png"}, "--temperature is for --model");
  usage({a, b, "--run", "x", "--arch", "resnet8", "--out", "o.png"}, "--arch is for --model");
  usage({a, b, "--model", model, "--temperature", "0", "--out", "o.png"}, "--temperature");
  usage({a, "--model", model, "--out", "o.png"}, "--id SPEC");
  usage({a, "--model", model, "--id", command::train_data, "--grid", "2", "--out", "o.png"}, "--grid is for two images");
  usage({a, "--model", model, "--id", command::train_data, "--stretch", "--out", "o.png"}, "--stretch is for two images");
  usage({a, b, "--model", model, "--out", b}, "would be overwritten");
  usage({a, b, "--model", model, "--device", "tpu", "--out", "o.png"}, "--device tpu");
  EXPECT_EQ(nn::decode_image(b).pixels, images().pixels[1].pixels);
}

TEST(CliExplain, FailsInOneLineAndWritesNothing) {
  const TemporaryDirectory directory;
  const std::string &a = images().a, &b = images().b, out = directory / "out/o.png", model = command::trained_model();
  std::filesystem::create_directory(directory / "out");
  const auto fails = [&](std::vector<std::string> arguments, const std::string& part) {
    arguments.insert(arguments.begin(), "explain");
    arguments.insert(arguments.end(), {"--out", out});
    expect_one_line(run(arguments), 1, part);
    EXPECT_TRUE(std::filesystem::is_empty(directory / "out")) << part;
  };
  // Images.
  const std::string png = read_bytes(a);
  const std::string cut = directory.write("cut.png", png.substr(0, png.size() / 2)), text = directory.write("text.jpg", "no image");
  fails({directory / "none.png", b, "--model", model}, "none.png");
  fails({a, cut, "--model", model}, "cut.png");
  fails({text, b, "--run", alpa_run()}, "text.jpg");
  fails({a, directory.path(), "--model", model}, "it is a directory");
  fails({cut, "--model", model, "--id", command::train_data}, "cut.png");
  // Networks.
  const std::string without_alpa = model.substr(0, model.rfind('/'));
  fails({a, b, "--run", without_alpa}, "trained without ALPA and has no heads; use the attention of its local features with --model");
  fails({a, b, "--run", model}, "--run names the folder of a training run; a network alone is for --model");
  fails({a, b, "--run", directory.path()}, "state.safetensors does not exist");
  fails({a, b, "--model", directory / "none.safetensors"}, "none.safetensors");
  fails({a, b, "--model", model, "--grid", "9"}, "--grid 9: the feature map of these images is 8 x 8; choose at most 8");
  fails({a, "--model", model, "--id", command::train_data, "--k", "600"}, "lower K");
  fails({a, "--model", model, "--id", "synthetic:nothing"}, "nothing");
  // A state that was tampered with.
  const auto tampered = [&](const std::function<void(nn::TensorFile&)>& change, const std::string& part) {
    nn::TensorFile file = nn::read_safetensors(alpa_run() + "/state.safetensors");
    change(file);
    nn::add_content_hash(file);
    std::filesystem::create_directories(directory / "run");
    nn::write_safetensors(directory / "run/state.safetensors", file);
    fails({a, b, "--run", directory / "run"}, part);
  };
  tampered([](nn::TensorFile& file) { file.tensors.erase("alpa.key.0.weight"); }, "missing: key.0.weight");
  tampered([](nn::TensorFile& file) { file.tensors.erase("alpa.query.2.weight"); }, "no query.2.weight (.., 64)");
  tampered([](nn::TensorFile& file) { file.tensors.at("fc.weight") = Tensor::zeros({640, 1}); }, "no fc.weight (.., 64)");
  tampered([](nn::TensorFile& file) { file.metadata["option.size"] = "1000000"; }, "--size 1000000: expected a whole number in 1 .. 4096");
  tampered([](nn::TensorFile& file) { file.metadata["option.arch"] = "resnet7"; }, "resnet7");
  tampered([](nn::TensorFile& file) { file.metadata["std"] = "0 0 0"; }, "std");
  const std::string state = read_bytes(alpa_run() + "/state.safetensors");
  directory.write("run/state.safetensors", state.substr(0, state.size() / 2));
  fails({a, b, "--run", directory / "run"}, "state.safetensors");
  // Places to write.
  expect_one_line(run({"explain", a, b, "--model", model, "--out", directory / "nowhere/o.png"}), 1, "nowhere");
  expect_one_line(run({"explain", a, b, "--model", model, "--out", directory / "out"}), 1, "is a directory");
}

}  // namespace
