"""Translations of the words that are drawn."""

# Language -> English word -> translation. A word without one, such as a class of your own, is drawn as it is.
LANGUAGES: dict[str, dict[str, str]] = {
    "en": {},
    "zh": {
        "age": "年龄",
        "gender": "性别",
        "race": "种族",
        "Male": "男",
        "Female": "女",
        "White": "白人",
        "Black": "黑人",
        "Asian": "亚洲人",
        "Indian": "印度人",
        "Others": "其他",
        "estimated ": "估计",
        "over {}": "超过 {}",
        "unsure": "不确定",
        ", ": "、",
        " FPS": " 帧/秒",
        " ms": " 毫秒",
        " dropped": " 帧丢弃",
        " captured": " 截图",
        "no signal for {} s, trying again": "已 {} 秒无信号，正在重试",  # noqa: RUF001
        "REC": "录制中",
        "paused": "已暂停",
        "Space": "空格",
        "leave": "退出",
        "capture": "截图",
        "pause": "暂停",
        "record": "录制",
        "language": "语言",
        "help": "帮助",
        "No faces were found.": "没有发现人脸。",
        "{} more were on screen for shorter": "另有 {} 张脸出现时间更短",
    },
}
